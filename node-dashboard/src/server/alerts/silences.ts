/** What people want to hear nothing of for a while: an alert, or that of one stream or series (empty: of all). */
export interface Silence {
  readonly alert: string;
  readonly stream: string;
  readonly series: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** Until when a subject is silenced, in milliseconds since the epoch; null when it is not. */
export function silencedUntil(
  silences: Iterable<Silence>,
  subject: { readonly alert: string; readonly stream: string; readonly series: string },
  now: number,
): number | null {
  let latest: number | null = null;
  for (const silence of silences) {
    const isMeant =
      silence.alert === subject.alert &&
      ['', subject.stream].includes(silence.stream) &&
      ['', subject.series].includes(silence.series);
    if (isMeant && silence.until > now) {
      latest = Math.max(latest ?? 0, silence.until);
    }
  }
  return latest;
}
