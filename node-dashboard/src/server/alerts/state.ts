/** What is known of one alert on one series and metric. */
export interface Watch {
  /** `fine` is remembered only so that nothing older overrides it. */
  readonly state: 'pending' | 'firing' | 'resolved' | 'fine';
  /** Since when that is so, in milliseconds of event time. */
  readonly since: number;
  /** The value that was compared last. */
  readonly value: number;
  /** Up to when the alert has been compared: what is not newer says nothing new. */
  readonly at: number;
}

/** A value that was compared. */
export interface Comparison {
  /** When the window ended, or when it was found how old the newest event is. */
  readonly at: number;
  /** Since when it is so at the latest: `at` of a window. */
  readonly since: number;
  readonly value: number;
  readonly isBad: boolean;
}

/** What a rule says of a value. */
export function isBad(rule: { readonly above?: number; readonly below?: number }, value: number): boolean {
  return (rule.above !== undefined && value > rule.above) || (rule.below !== undefined && value < rule.below);
}

/**
 * What is known after one more comparison. It depends on the values and their times alone, so that every dashboard that
 * sees the same windows comes to the same states, since the same times:
 *
 * - bad for the first time: pending, and firing once that has lasted;
 * - good: firing becomes resolved, pending becomes fine;
 * - no window: nothing, neither good nor bad.
 *
 * @param lasting for how long it has to be bad before it fires, in milliseconds
 */
export function advance(
  known: Watch | undefined,
  lasting: number,
  comparison: Comparison,
): Watch | undefined {
  const { at, value, isBad: bad } = comparison;
  if (known !== undefined && at <= known.at) {
    return known;
  }
  const state = known?.state ?? 'fine';
  if (!bad) {
    switch (state) {
      case 'firing':
        return { state: 'resolved', since: at, value, at };
      case 'pending':
        return { state: 'fine', since: at, value, at };
      default:
        return known && { ...known, value, at };
    }
  }
  if (state === 'firing' && known !== undefined) {
    return { ...known, value, at };
  }
  const begun = state === 'pending' && known !== undefined ? known.since : comparison.since;
  return at - begun >= lasting
    ? { state: 'firing', since: begun + lasting, value, at }
    : { state: 'pending', since: begun, value, at };
}
