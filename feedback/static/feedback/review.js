// 1, 2 and 3 answer the first card of the review queue, unless somebody is typing.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (typing || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!["1", "2", "3"].includes(event.key)) return;
  document.querySelector(`.hopper-answer[data-key="${event.key}"]`)?.click();
});
// One answer per click: a second press while the page is on its way changes nothing.
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});
