// The page of one alarm: its forms act on the occurrence that is shown, and offer what its state allows.
import { noteUnseen } from "./steady.js";

/** @param {Element} root */
function follow(root) {
  const now = root.querySelector("[data-on-now]");
  if (!(now instanceof HTMLElement)) return;
  const can = (now.dataset.can ?? "").split(" ");
  for (const field of document.querySelectorAll("input[data-on]")) {
    if (!(field instanceof HTMLInputElement)) continue;
    if (field.value !== now.dataset.onNow) noteUnseen(field.closest(".alarm-do"));
    field.value = now.dataset.onNow ?? "";
  }
  for (const button of document.querySelectorAll("button[data-needs]")) {
    if (button instanceof HTMLButtonElement) button.disabled = !can.includes(button.dataset.needs ?? "");
  }
}

const detail = document.getElementById("alarm-detail");
if (detail) {
  detail.addEventListener("htmx:afterSwap", () => follow(detail));
  follow(detail);
}
document.addEventListener("htmx:afterRequest", (event) => {
  const { target, detail: request } = /** @type {CustomEvent} */ (event);
  if (!request.successful || !(target instanceof HTMLFormElement) || document.querySelector("[data-nothing-done]")) return;
  target.closest("details")?.removeAttribute("open");
  for (const field of target.querySelectorAll('input[type="text"]')) if (field instanceof HTMLInputElement) field.value = "";
});
