import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AlertInfo, Anomaly } from '../src/shared/api.ts';
import { correlationWords } from '../src/web/advanced/statistics.ts';
import { marksOf, thresholdsOf, type Drawn } from '../src/web/chart/overlays.ts';
import { formatAge, formatCalendarDay, formatTimeOfDay } from '../src/web/format.ts';
import { locale } from '../src/web/reader.ts';
import { formatDrawn } from '../src/web/statistics.ts';

const SPEC = { key: 'usage', title: 'usage', unit: '%', metrics: ['usage'], series: null, elsewhere: [] };
const DRAWN: Drawn = { spec: SPEC, statistic: 'avg', window: '10s', shown: ['a'], hidden: new Set() };

describe('a reader in Germany', () => {
  const before = locale.value;

  beforeEach(() => {
    locale.value = 'de-DE';
  });

  afterEach(() => {
    locale.value = before;
  });

  it('reads counts and values as they are written there, and records without a unit', () => {
    expect(formatDrawn(12_345, 'count', '%')).toBe('12.345');
    expect(formatDrawn(12.5, 'avg', '%')).toBe('12,50%');
    expect(formatDrawn(null, 'count', '%')).toBe('–');
  });

  it('reads why a window is marked', () => {
    const anomaly: Anomaly = {
      ...{ series: 'a', metric: 'usage', start: 5, avg: 12.5, score: -7.25, median: 40, spread: 1.5 },
      text: '12.5 is 7.3 times the usual spread',
    };
    expect(marksOf(DRAWN, [], [anomaly])[0]?.text).toBe(
      'unusual: a: 12,50% is 7,3 times the usual spread below the median of the day before, 40,00% (spread 1,50%)',
    );
  });

  it('reads the threshold of a count as a count', () => {
    const rule: AlertInfo = {
      ...{ name: 'few', metric: '*', field: 'count', below: 1500, for_ms: 0, series: '*' },
      ...{ window: '10s', severity: 'warning' },
    };
    expect(thresholdsOf([rule], { ...DRAWN, statistic: 'count' })[0]?.text).toBe('few: below 1.500');
  });

  it('reads days, times of day, ages and coefficients', () => {
    expect(formatCalendarDay(Date.UTC(2026, 0, 31))).toBe('31. Jan. 2026');
    expect(formatTimeOfDay(7 * 3_600_000)).toBe('07:00');
    expect(formatAge(5000 * 86_400_000 + 3_600_000)).toBe('5.000 d 1 h');
    expect(correlationWords(0.5, 12_345)).toMatch(/^r = 0,50 over 12\.345 windows/);
  });
});

it('digits of ages are those of the language throughout', () => {
  const before = locale.value;
  locale.value = 'ar-EG';
  try {
    expect(formatAge(125_000)).toBe('٢ min ٠٥ s');
  } finally {
    locale.value = before;
  }
});
