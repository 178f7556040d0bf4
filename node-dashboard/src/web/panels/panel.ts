import type { Dashboard } from '../dashboard.ts';

/** A part of the page. It gets an element of its own and draws into it what the dashboard knows. */
export interface Panel {
  /** Draws what is new; called at most some times a second. */
  update(): void;
  /** Brings ages up to date; called several times a second. */
  tick?(): void;
  /** Ends it. */
  destroy?(): void;
}

/** Makes a panel; called once. */
export type PanelFactory = (host: HTMLElement, dashboard: Dashboard) => Panel;
