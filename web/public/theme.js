// Before the first paint, so that a chosen theme does not flash; a file of its own, since the page allows no inline scripts.
let theme = null;
try {
  theme = localStorage.getItem("stofka.theme");
} catch {
  // storage is forbidden: the system's theme it is
}
if (theme !== "dark" && theme !== "light") {
  theme = matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}
document.documentElement.dataset.theme = theme;
