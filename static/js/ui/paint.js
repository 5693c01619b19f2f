// Runs before the first paint of pages whose <html> is not ours (the admin site): sets the theme that was chosen.
(() => {
  const chosen = /(?:^|; )theme=(light|dark)(?:;|$)/.exec(document.cookie);
  if (chosen) document.documentElement.dataset.theme = chosen[1];
})();
