/** Load the page again every 15 seconds, unless somebody reads the details of a run, types, or has
 *  filtered the runs. */
setInterval(() => {
  const controls = [...document.querySelectorAll("input, select, textarea")];
  const busy = document.hidden
    || document.querySelector("dialog[open]")
    || controls.some((one) => one === document.activeElement || (one.type === "search" && one.value));
  if (!busy) location.reload();
}, 15000);
