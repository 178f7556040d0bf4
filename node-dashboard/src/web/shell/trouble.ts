const ICON = new URL('../icon.svg', import.meta.url).href;
const TROUBLE_ICON = new URL('../icon-trouble.svg', import.meta.url).href;

/** Says in the title and in the icon of the browser's tab whether something is wrong. */
export function showTrouble(isTrouble: boolean, title: string): void {
  const wanted = isTrouble ? `▲ ${title}` : title;
  if (document.title !== wanted) {
    document.title = wanted;
  }
  const icon = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  const href = isTrouble ? TROUBLE_ICON : ICON;
  if (icon !== null && icon.href !== href) {
    icon.href = href;
  }
}
