// Shows new mail as it arrives: asks every second for the list, and replaces it where it has changed.
const rows = document.getElementById("rows");
let shown = null;

async function refresh() {
  try {
    const response = await fetch("/rows" + location.search);
    const html = await response.text();
    if (response.ok && html !== shown) {
      if (shown !== null) rows.innerHTML = html;
      shown = html;
    }
  } catch {
    // The inbox is being restarted; the next try will tell.
  }
  setTimeout(refresh, 1000);
}

refresh();
