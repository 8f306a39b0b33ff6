// Tables sort by a click on a title, and each number says what it is.
for (const table of document.querySelectorAll("table.sorted")) {
  const titles = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  const value = (row, place) => {
    const text = row.cells[place].textContent.trim();
    const number = parseFloat(text.replace(/,/g, ""));
    return Number.isNaN(number) ? text : number;
  };
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  titles.forEach((title, place) => {
    const sort = () => {
      const down = title.getAttribute("aria-sort") === "ascending";
      titles.forEach((other) => other.removeAttribute("aria-sort"));
      title.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...body.rows].sort((a, b) => compare(value(a, place), value(b, place)) * (down ? -1 : 1));
      body.append(...rows);
    };
    title.tabIndex = 0;
    title.addEventListener("click", sort);
    title.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
    for (const row of body.rows) if (title.title) row.cells[place].title = title.title;
  });
}
