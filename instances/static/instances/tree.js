// Collapses and expands branches of the instance list; what is collapsed is remembered in this browser.
// The library's own script reads keys as numbers and looks for one <tbody>, and here keys are text and rows many.
document.addEventListener("DOMContentLoaded", () => {
  const STORE = "hopper.collapsed";
  const rows = [...document.querySelectorAll("#result_list .tree-branch")].map((branch) => ({
    key: branch.dataset.key,
    depth: Number(branch.dataset.depth),
    row: branch.closest("tr"),
    toggle: branch.querySelector(".tree-toggle"),
  }));
  const collapsed = new Set(JSON.parse(localStorage.getItem(STORE) || "[]"));

  function draw() {
    let hiddenBelow = Infinity;
    rows.forEach(({ key, depth, row, toggle }, index) => {
      const hasChildren = rows[index + 1]?.depth > depth;
      if (depth <= hiddenBelow) hiddenBelow = Infinity;
      row.hidden = depth > hiddenBelow;
      toggle.hidden = !hasChildren;
      toggle.setAttribute("aria-expanded", String(!collapsed.has(key)));
      if (!row.hidden && hasChildren && collapsed.has(key)) hiddenBelow = depth;
    });
  }

  for (const { key, toggle } of rows) {
    toggle.addEventListener("click", (event) => {
      event.preventDefault();
      event.stopPropagation();
      if (!collapsed.delete(key)) collapsed.add(key);
      localStorage.setItem(STORE, JSON.stringify([...collapsed]));
      draw();
    });
  }
  draw();
});
