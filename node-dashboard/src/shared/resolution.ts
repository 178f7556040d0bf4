import { isOfDays, type WindowSpec } from './window-spec.ts';

/** How a span of time is shown with not too many points. */
export interface Resolution {
  /** The kind of window that is read: the wanted one, or a coarser one. */
  readonly window: WindowSpec;
  /** Distance between the starts of the windows that are read, in milliseconds: of sliding ones not all may be. */
  readonly stride: number;
  /** Distance between the starts of two points, in milliseconds; if it is more than the stride, windows are merged. */
  readonly step: number;
}

/** A coarser kind is taken as it is, with its percentiles, if it fills at least this share of the points. */
const LEAST_SHARE = 1 / 8;

/**
 * How to show a span with at most so many points: by the wanted kind of window, else by the finest coarser kind that
 * the stream has and that fits, else by windows merged. Every reading is in a point: there are more points than that
 * when the stream has only windows that cannot be merged, sliding ones of which none begins where another ends.
 */
export function resolutionFor(
  windows: readonly WindowSpec[],
  wanted: WindowSpec,
  span: number,
  points: number,
): Resolution {
  const count = ({ slide }: WindowSpec): number => Math.ceil(span / slide);
  const coarser = windows
    .filter(
      (window) => window.slide === window.size && window.slide > wanted.slide && window.size >= wanted.size,
    )
    // Who asks for the days of a zone does not mean those of another one.
    .filter((window) => !isOfDays(wanted) || window.zone === wanted.zone)
    .sort((a, b) => a.slide - b.slide);
  const candidates = [wanted, ...coarser];
  const fitting = candidates.find(
    (window) => count(window) <= points && (window === wanted || count(window) >= points * LEAST_SHARE),
  );
  if (fitting !== undefined) {
    return asItIs(fitting);
  }
  const distance = span / points;
  const source = candidates.findLast((window) => count(window) > points) ?? wanted;
  // Where windows cannot be merged, a coarser kind that fills only a few of the points is still all that there is.
  const instead =
    source.size % source.slide === 0 || distance <= widestStride(source) ? undefined : coarser[0];
  return instead === undefined ? merged(source, distance) : asItIs(instead);
}

function asItIs(window: WindowSpec): Resolution {
  return { window, stride: window.slide, step: window.slide };
}

/** The greatest distance at which windows of this kind still hold all readings. */
function widestStride({ size, slide }: WindowSpec): number {
  return Math.floor(size / slide) * slide;
}

/** Points that are at least so far apart, if windows of this kind can be, and hold all readings. */
function merged(window: WindowSpec, distance: number): Resolution {
  const { size, slide } = window;
  const thinned = Math.ceil(distance / slide) * slide;
  // Windows that overlap cannot be merged, but some can be left out as long as the others hold all readings.
  if (slide < size && (thinned <= size || size % slide !== 0)) {
    const stride = Math.min(thinned, widestStride(window));
    return { window, stride, step: stride };
  }
  return { window, stride: size, step: Math.ceil(distance / size) * size };
}
