import { windowOf } from '../shared/window-spec.ts';
import { distance } from 'fastest-levenshtein';
import type { StreamInfo } from '../shared/api.ts';
import type { Selection } from './selection.ts';

/** So many of what there is are offered in place of what is not there. */
const MAX_OFFERED = 5;

/** Something to show instead of what was asked for. */
export interface Offer {
  readonly label: string;
  readonly selection: Selection;
}

/** A parameter of the address, and what it may say. */
export type Choices = readonly (readonly [name: string, possible: readonly string[]])[];

/** What there is to say of parameters that say something else than they may. */
export function absentTexts(parameters: URLSearchParams, choices: Choices): string[] {
  return choices.flatMap(([name, possible]) =>
    parameters
      .getAll(name)
      .filter((value) => !possible.includes(value))
      .map((value) => `${name} "${value}"; there are: ${possible.join(', ')}`),
  );
}

/** What the address asks for in vain, for the user; empty when there is nothing. */
export function addressProblem(absent: readonly string[]): string {
  return absent.length === 0 ? '' : `the address asks for what is not there: ${absent.join('; ')}`;
}

/** What there is to say of chosen series that do not exist; empty when all of them do. */
export function missingText(missing: readonly string[], stream: string): string {
  const names = missing.map((name) => JSON.stringify(name)).join(', ');
  return missing.length === 0 ? '' : `stream ${stream} has no series ${names}`;
}

/** The series whose names are the nearest to those that do not exist, each to be shown in their place. */
export function seriesOffers(
  missing: readonly string[],
  selection: Selection,
  known: readonly string[],
): Offer[] {
  const rest = selection.series.filter((name) => !missing.includes(name));
  const apart = (name: string): number => Math.min(...missing.map((wanted) => distance(wanted, name)));
  return missing.length === 0
    ? []
    : known
        .filter((name) => !rest.includes(name))
        .map((name) => ({ name, apart: apart(name) }))
        .sort((a, b) => a.apart - b.apart)
        .slice(0, MAX_OFFERED)
        .map(({ name }) => ({ label: name, selection: { ...selection, series: [...rest, name] } }));
}

/** The streams that there are, when the address names another one. */
export function streamOffers(query: string, streams: readonly StreamInfo[], selection: Selection): Offer[] {
  const wanted = new URLSearchParams(query).get('stream');
  if (wanted === null || streams.some(({ name }) => name === wanted)) {
    return [];
  }
  return streams.map(({ name, title, windows }) => {
    const window = windowOf(windows, selection.window) ?? windows[0];
    return {
      label: title,
      selection: { ...selection, stream: name, window: window?.label ?? selection.window, series: [] },
    };
  });
}
