// The calm box that says what a press has done, or why it did nothing. The server's answers stand in it, too.

const SAID_MS = 12_000;
const said = document.getElementById("alarm-said");
let closing = 0;

/** @param {string} text */
export function say(text) {
  if (!said) return;
  const box = document.createElement("div");
  box.className = "alarm-said-box";
  box.append(text);
  said.replaceChildren(box);
  closeLater();
}

export function closeLater() {
  clearTimeout(closing);
  closing = setTimeout(() => !said?.matches(":hover, :focus-within") && said?.replaceChildren(), SAID_MS);
}
