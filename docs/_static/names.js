// Name what the theme leaves without a name, or names other than it looks, for screen readers.
document.addEventListener("DOMContentLoaded", () => {
  for (const toggle of document.querySelectorAll("summary:has(> .toctree-toggle)")) {
    toggle.setAttribute("aria-label", `Pages of ${toggle.closest("li").querySelector("a").innerText}`);
  }
  for (const button of document.querySelectorAll(".search-button-field")) {
    const shown = button.innerText.replace(/\s+/g, " ").trim(); // nothing on a phone
    if (shown) button.setAttribute("aria-label", shown);
  }
});
