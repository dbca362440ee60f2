/* Tells the page around the frame how high this page is: to a script as in docs/embedding.md, and to amp-iframe. The
   height is no secret, so it goes to any parent; which pages may frame this one is the policy's business. */
(() => {
  "use strict";
  if (parent === window) return;
  const tell = () => {
    const height = Math.ceil(document.documentElement.getBoundingClientRect().height);
    parent.postMessage({ type: "comments:height", height }, "*");
    parent.postMessage({ sentinel: "amp", type: "embed-size", height }, "*");
  };
  new ResizeObserver(tell).observe(document.documentElement);
})();
