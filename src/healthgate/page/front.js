(() => {
  const { opens, pages, here } = JSON.parse(document.getElementById("healthgate").textContent);

  // A report in a folder reads its data with requests, which browsers refuse to pages that were opened as a file.
  if (pages === null && location.protocol === "file:") {
    window.fetch = () => new Promise(() => {});
    addEventListener("DOMContentLoaded", () => {
      const folder = decodeURIComponent(location.pathname).replace(/\/[^/]*$/, "");
      document.body.style = "font: 16px/1.6 sans-serif; margin: 3rem; white-space: pre-wrap";
      document.body.textContent =
        `This report has to come from a server:\n\n  python3 -m http.server --directory '${folder}'\n\n` +
        "One that opens as a file is made with: healthgate report --single-file";
    });
    return;
  }
  if (opens && !location.hash) history.replaceState(null, "", `#${opens}`);

  // Allure makes links only of whole addresses: those of our own pages stand behind a host that is none.
  new MutationObserver(() => {
    for (const link of document.querySelectorAll(`a[href^="${here}"]`)) {
      link.setAttribute("href", link.getAttribute("href").slice(here.length));
    }
  }).observe(document, { childList: true, subtree: true });
  if (pages === null) return;

  // The pages that results link to are part of this file: shown above the report, closed with Escape.
  const dialog = document.createElement("dialog");
  const frame = document.createElement("iframe");
  const close = document.createElement("button");
  dialog.style = "width: min(76rem, 94vw); height: 92vh; padding: 0; border: 1px solid #8888; border-radius: 8px";
  frame.style = "width: 100%; height: 100%; border: 0; display: block";
  close.style = "position: absolute; top: 8px; right: 20px; font: 14px sans-serif; padding: 3px 10px; cursor: pointer";
  close.textContent = "Close";
  close.onclick = () => dialog.close();
  frame.sandbox = "allow-same-origin allow-popups allow-popups-to-escape-sandbox";
  dialog.append(close, frame);

  const follow = (event, from) => {
    const href = event.target.closest?.("a[href]")?.getAttribute("href");
    if (!href || /^[a-z][a-z0-9+.-]*:|^\/\//i.test(href)) return;
    const { pathname, hash } = new URL(href, `report:/${from}`);
    const address = decodeURIComponent(pathname.slice(1));
    if (Object.hasOwn(pages, address)) show(address, hash);
    else if (from && address === "index.html") dialog.close();
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  const show = (address, hash) => {
    frame.onload = () => {
      const page = frame.contentDocument;
      page.addEventListener("click", (event) => follow(event, address));
      page.addEventListener("keydown", (event) => event.key === "Escape" && dialog.close());
      reveal(page, ...hash.slice(1).split(":~:text=").map(decodeURIComponent));
    };
    frame.srcdoc = pages[address];
    if (!dialog.open) {
      document.body.append(dialog);
      dialog.showModal();
    }
  };
  const reveal = (page, part, text) => {
    const named = text && [...page.querySelectorAll("code")].find((code) => code.textContent === text);
    (named || (part ? page.getElementById(part) : null))?.scrollIntoView({ block: named ? "center" : "start" });
    if (named) named.style.outline = "2px solid #e0a800";
  };
  // Allure's own keys must not move the report beneath.
  addEventListener("keydown", (event) => dialog.open && event.stopImmediatePropagation(), true);
  addEventListener("click", (event) => follow(event, ""), true);
  addEventListener("auxclick", (event) => event.button === 1 && follow(event, ""), true);
})();
