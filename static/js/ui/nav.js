// The navigation scrolls where it has no room: the current page is in sight from the start, and a sign says there is more.

export function startNavigation() {
  const nav = document.querySelector(".nav");
  if (!(nav instanceof HTMLElement)) return;
  const say = () => {
    const isLeft = nav.scrollLeft > 1;
    const isRight = nav.scrollLeft + nav.clientWidth < nav.scrollWidth - 1;
    const more = [isLeft && "left", isRight && "right"].filter(Boolean).join(" ");
    if ((nav.dataset.more ?? "") !== more) nav.dataset.more = more;
  };
  nav.addEventListener("scroll", say, { passive: true });
  new ResizeObserver(say).observe(nav);
  showHere(nav);
  say();
  showHere(nav); // the sign that there is more to the left takes room and has moved the pages
  say();
}

/** @param {HTMLElement} nav */
function showHere(nav) {
  const here = nav.querySelector("[aria-current]");
  if (!here) return;
  const [page, frame] = [here.getBoundingClientRect(), nav.getBoundingClientRect()];
  nav.scrollLeft += page.left - frame.left - (frame.width - page.width) / 2;
  nav.scrollTop += page.top - frame.top - (frame.height - page.height) / 2;
}
