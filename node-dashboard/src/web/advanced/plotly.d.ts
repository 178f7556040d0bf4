/** The part of Plotly that the page uses. */
declare module 'plotly.js-basic-dist-min' {
  export interface Trace {
    readonly type: 'scatter' | 'bar';
    readonly x: readonly (number | string)[];
    readonly y: readonly (number | null)[];
    readonly [option: string]: unknown;
  }

  interface Plotly {
    react(
      host: HTMLElement,
      traces: readonly Trace[],
      layout: Readonly<Record<string, unknown>>,
      config: Readonly<Record<string, unknown>>,
    ): Promise<HTMLElement>;
    purge(host: HTMLElement): void;
  }

  const plotly: Plotly;
  export default plotly;
}
