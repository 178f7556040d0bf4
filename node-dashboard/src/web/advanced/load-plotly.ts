import sheetAddress from './plotly.css?url';

type Plotly = (typeof import('plotly.js-basic-dist-min'))['default'];

/** The element in which Plotly looks for its style sheet before it makes one. */
const SHEET = 'plotly.js-style-global';

let loading: Promise<Plotly> | undefined;

/** Loads Plotly, once. */
export function loadPlotly(): Promise<Plotly> {
  loading ??= load().catch((error: unknown) => {
    // What could not be loaded now may be there when it is tried again.
    loading = undefined;
    throw error;
  });
  return loading;
}

/**
 * Plotly writes its rules into a style sheet. One that it makes itself would be inline, which the content security
 * policy refuses; so it finds one that the server has delivered, into which a script may write.
 */
async function load(): Promise<Plotly> {
  if (document.getElementById(SHEET) === null) {
    const link = document.createElement('link');
    Object.assign(link, { id: SHEET, rel: 'stylesheet', href: sheetAddress });
    await new Promise((resolve, reject) => {
      link.addEventListener('load', resolve);
      link.addEventListener('error', () => {
        link.remove();
        reject(new Error('its style sheet could not be loaded'));
      });
      document.head.append(link);
    });
  }
  return (await import('plotly.js-basic-dist-min')).default;
}
