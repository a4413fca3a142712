// Collapses and expands branches of the instance list; what is collapsed is remembered in this browser.
// The library's own script reads keys as numbers and looks for one <tbody>, and here keys are text and rows many.
document.addEventListener("DOMContentLoaded", () => {
  const STORE = "hopper.collapsed";
  const isWhole = !location.search; // a searched or filtered list shows every match, a branch all of it
  const branches = [...document.querySelectorAll("#result_list .tree-branch")].map((branch) => ({
    key: branch.dataset.key,
    above: JSON.parse(branch.dataset.path),
    row: branch.closest("tr"),
    toggle: branch.querySelector(".tree-toggle"),
  }));
  const parents = new Set(branches.flatMap(({ above }) => above));
  const collapsed = new Set(isWhole ? stored() : []);

  function stored() {
    try {
      return JSON.parse(localStorage.getItem(STORE)) || [];
    } catch {
      return [];
    }
  }

  function draw() {
    for (const { key, above, row, toggle } of branches) {
      row.hidden = above.some((name) => collapsed.has(name));
      toggle.classList.toggle("is-leaf", !parents.has(key));
      toggle.setAttribute("aria-expanded", String(!collapsed.has(key)));
    }
  }

  for (const { key, toggle } of branches) {
    toggle.addEventListener("click", (event) => {
      event.preventDefault();
      event.stopPropagation();
      if (!collapsed.delete(key)) collapsed.add(key);
      if (isWhole) localStorage.setItem(STORE, JSON.stringify([...collapsed]));
      draw();
    });
  }
  draw();
});
