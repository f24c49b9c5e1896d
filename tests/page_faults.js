// What a person would see as broken in the page that this runs in: an array of sentences.
() => {
  const faults = [], slack = 1.5;
  const name = element => {
    const words = (element.textContent || "").trim().replace(/\s+/g, " ").slice(0, 40);
    const kind = element.getAttribute("class");
    return element.tagName.toLowerCase() + (kind ? "." + kind.trim().replace(/ +/g, ".") : "")
      + (words ? ` “${words}”` : "");
  };
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth + slack) {
    const reach = element => element.getBoundingClientRect().right;
    const furthest = [...document.body.querySelectorAll("*")].reduce(
      (found, one) => reach(one) > reach(found) ? one : found, document.body);
    faults.push(`the page scrolls sideways: ${root.scrollWidth} of ${root.clientWidth} px, as far as `
      + name(furthest));
  }
  const isClippedAway = element => element && getComputedStyle(element).clipPath === "inset(50%)";
  const unseen = element => element.closest(".unseen, .skip, [hidden], script, style, title, desc")
    || element.closest("details:not([open]) > :not(summary)")
    || isClippedAway(element)
    || isClippedAway(element.closest("thead"))
    || !element.checkVisibility({visibilityProperty: true, contentVisibilityAuto: true});
  // The part of a box that its ancestors let through; what can be scrolled to is not cut off.
  const clipped = (box, within) => {
    for (let above = within; above && above !== document.body;
         above = above.parentElement) {
      const style = getComputedStyle(above), outer = above.getBoundingClientRect();
      const cuts = axis => ["hidden", "clip"].includes(style[axis]);
      if (cuts("overflowX") && (box.left < outer.left - slack || box.right > outer.right + slack)
          || cuts("overflowY") && (box.top < outer.top - slack || box.bottom > outer.bottom + slack))
        return above;
      if (above.tagName === "svg" && (box.left < outer.left - slack || box.right > outer.right + slack
          || box.top < outer.top - slack || box.bottom > outer.bottom + slack)) return above;
      if (["auto", "scroll"].includes(style.overflowX) || ["auto", "scroll"].includes(style.overflowY))
        return null;
    }
    const wide = Math.max(root.clientWidth, root.scrollWidth);
    return box.left < -slack || box.right > wide + slack ? document.body : null;
  };
  // Every run of text, as the boxes of its lines.
  const lines = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || unseen(element)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) {
      if (box.width < 1 || box.height < 1) continue;
      const cut = clipped(box, element);
      if (cut) faults.push(`cut off by ${name(cut).slice(0, 60)}: ${name(element)}`);
      // Ascenders and descenders leave room that two lines may share.
      lines.push({ node, element, left: box.left + 1, right: box.right - 1,
                   top: box.top + box.height * 0.2, bottom: box.bottom - box.height * 0.2 });
    }
  }
  // A short word over two lines: its box is too narrow for words.
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = words.nextNode(); node; node = words.nextNode()) {
    if (!node.textContent.trim() || unseen(node.parentElement)) continue;
    for (const word of node.textContent.matchAll(/(?<=^|\s)\p{L}{2,14}(?=$|[\s.,;:])/gu)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map(box => Math.round(box.top))).size > 1)
        faults.push(`broken word: ${word[0]} in ${name(node.parentElement)}`);
    }
  }
  lines.sort((a, b) => a.top - b.top);
  for (let i = 0; i < lines.length; i++) {
    const a = lines[i];
    for (let j = i + 1; j < lines.length && lines[j].top < a.bottom; j++) {
      const b = lines[j];
      if (a.node !== b.node && a.left < b.right && b.left < a.right)
        faults.push(`overlap: ${name(a.element)} and ${name(b.element)}`);
    }
  }
  for (const element of document.querySelectorAll(
         "button, input, select, textarea, img, svg, canvas, table, .card, .badge")) {
    if (unseen(element) || element.ownerSVGElement) continue;
    const box = element.getBoundingClientRect();
    if (box.width && box.height && clipped(box, element.parentElement)) faults.push(`cut off: ${name(element)}`);
    const style = getComputedStyle(element);
    if (element.matches("button, .card, .badge, td, th")
        && element.scrollWidth > element.clientWidth + slack && style.overflowX !== "auto")
      faults.push(`too wide for its box: ${name(element)}`);
  }
  return [...new Set(faults)];
}
