import { UTC } from '../src/shared/alignment.ts';
import { describe, expect, it } from 'vitest';
import { windowMessage } from './messages.ts';
import type { AlertInfo, AlertState, Anomaly, StreamInfo } from '../src/shared/api.ts';
import type { PointValue } from '../src/shared/merge.ts';
import { alignedData, hasBands, leading, lineValues, ordered } from '../src/web/chart/data.ts';
import { matches } from '../src/shared/pattern.ts';
import { alertsOf, marksOf, thresholdsOf, type Drawn } from '../src/web/chart/overlays.ts';
import { chartsOf, type ChartSpec, type Line } from '../src/web/chart/specs.ts';
import { csvOf } from '../src/web/chart/take-away.ts';
import { sparkPath } from '../src/web/overview/spark.tsx';
import { heatValuesOf } from '../src/web/chart/heat-values.ts';
import { figuresOf } from '../src/web/overview/tile-data.ts';
import { readView } from '../src/web/view.ts';
import { tenSeconds } from './page-stage.ts';

const STREAM: StreamInfo = {
  ...{ name: 'host', title: 'Host', unit: null, lateness: 0 },
  ...{ units: { usage: 'percent' }, metrics: ['usage', 'load', 'sent', 'received'] },
  windows: [{ label: '10s', size: 10_000, slide: 10_000 }],
  ...{ charts: [], alerts: [] },
};

function point(index: number, avg: number): PointValue {
  return tenSeconds(index * 10_000, { avg, min: avg - 1, max: avg + 1 });
}

function line(series: string, position = 0): Line {
  return { key: series, label: series, metric: 'usage', series, position };
}

const LINES = [line('a'), line('b'), line('c')];
const COLUMNS = {
  starts: [0, 10, 20],
  rows: new Map([
    ['a', [point(0, 5), point(1, 6), point(2, 7)]],
    ['b', [point(0, 50), undefined, point(2, 20)]],
    ['c', [undefined, point(1, 9), undefined]],
  ]),
};

describe('what is drawn over a chart', () => {
  const charts = [{ title: 'CPU', metrics: ['usage'], series: ['*/cpu'], unit: null }];
  const [cpu, rest] = chartsOf({ ...STREAM, charts }) as [ChartSpec, ChartSpec];
  const drawn = (spec: ChartSpec, changed: Partial<Drawn> = {}): Drawn => ({
    ...{ spec, statistic: 'avg', window: '10s', shown: ['a/cpu', 'a/load'], hidden: new Set() },
    ...changed,
  });

  it('is a threshold where it draws what the rule compares', () => {
    const rule: AlertInfo = {
      ...{ name: 'hot', metric: 'us*', field: 'avg', above: 80, for_ms: 0 },
      ...{ series: '*/cpu', window: '1m', severity: 'warning' },
    };
    const values = (one: AlertInfo, of: Drawn): number[] => thresholdsOf([one], of).map(({ value }) => value);
    expect(values(rule, drawn(cpu))).toEqual([80]);
    expect(values(rule, drawn(rest))).toEqual([]);
    expect(values(rule, drawn(cpu, { statistic: 'p95' }))).toEqual([]);
    expect(values(rule, drawn(cpu, { shown: ['a/load'] }))).toEqual([]);
    expect(values({ ...rule, metric: 'load' }, drawn(cpu))).toEqual([]);
    // A count is of its kind of window.
    const count = { ...rule, field: 'count' } as const;
    expect(values(count, drawn(cpu, { statistic: 'count' }))).toEqual([]);
    expect(values(count, drawn(cpu, { statistic: 'count', window: '1m' }))).toEqual([80]);
  });

  it('is a mark where the series is drawn, around the average where that is drawn', () => {
    const anomaly: Anomaly = {
      ...{ series: 'a/load', metric: 'usage', start: 5, avg: 9 },
      ...{ score: 7, median: 1, spread: 1, text: 'far' },
    };
    const values = (of: Drawn): (number | null)[] => marksOf(of, [], [anomaly]).map(({ value }) => value);
    expect(values(drawn(cpu))).toEqual([]);
    expect(values(drawn(rest))).toEqual([9]);
    expect(values(drawn(rest, { statistic: 'p95' }))).toEqual([null]);
    expect(values(drawn(rest, { hidden: new Set(['a/load']) }))).toEqual([]);
    expect(values(drawn(rest, { shown: ['a/cpu'] }))).toEqual([]);
  });

  it('are its alerts, until they are over', () => {
    const alert = {
      ...{ name: 'hot', stream: 'host', series: 'a/load', metric: 'usage', state: 'firing' },
    } as AlertState;
    expect(alertsOf([alert], 'host', rest)).toEqual([alert]);
    expect(alertsOf([alert], 'host', cpu)).toEqual([]);
    expect(alertsOf([alert], 'other', rest)).toEqual([]);
    expect(alertsOf([{ ...alert, state: 'resolved' }], 'host', rest)).toEqual([]);
  });
});

describe('the charts of a stream', () => {
  it('are one for each metric, unless the configuration says what belongs together', () => {
    expect(chartsOf(STREAM).map(({ title, metrics }) => [title, metrics])).toEqual(
      STREAM.metrics.map((metric) => [metric, [metric]]),
    );
    const charts = [
      { title: 'Network', metrics: ['sent', 'rec*'], series: null, unit: 'bytes/s' },
      { title: 'CPU', metrics: ['usage'], series: ['*/cpu'], unit: null },
    ];
    const told = { ...STREAM, charts };
    expect(chartsOf(told).map(({ title, metrics, unit }) => [title, metrics, unit])).toEqual([
      ['Network', ['sent', 'received'], 'bytes/s'],
      ['CPU', ['usage'], 'percent'],
      ['usage', ['usage'], 'percent'],
      ['load', ['load'], ''],
    ]);
  });

  it('name series by patterns', () => {
    const of = (pattern: string): string[] =>
      ['a/cpu', 'a.cpu', 'b/cpu', 'b'].filter((one) => matches(pattern, one));
    expect(of('*/cpu')).toEqual(['a/cpu', 'b/cpu']);
    expect(of('a.cpu')).toEqual(['a.cpu']);
    expect(of('*')).toHaveLength(4);
    expect(of('a*u')).toEqual(['a/cpu', 'a.cpu']);
  });
});

describe('what a chart draws', () => {
  it('is a statistic of each line, and bands around averages', () => {
    const view = readView('?band=all');
    expect(hasBands(view, 3)).toBe(true);
    expect(hasBands(readView('?band=all&statistic=p95'), 3)).toBe(false);
    expect([hasBands(readView(''), 1), hasBands(readView(''), 2)]).toEqual([true, false]);
    const data = alignedData(COLUMNS, LINES, view, true);
    expect(data).toHaveLength(1 + 3 + 6);
    expect(data[2]).toEqual([50, null, 20]);
    expect(data[6]).toEqual([51, null, 21]);
    expect(alignedData(COLUMNS, LINES, readView('?statistic=count'), false)[1]).toEqual([10, 10, 10]);
  });

  it('is listed by what is under the cursor, else by the newest complete windows', () => {
    const newest = lineValues(COLUMNS, LINES, 'avg', null, 25_000);
    expect(newest.map(({ value, change }) => [value, change])).toEqual([
      [6, 1],
      [50, null],
      [9, null],
    ]);
    const under = lineValues(COLUMNS, LINES, 'avg', 2, 25_000);
    expect(under.map(({ value, change }) => [value, change])).toEqual([
      [7, 2],
      [20, -30],
      [null, null],
    ]);
    const names = (sort: 'name' | 'value' | 'change'): string[] =>
      ordered(under, sort).map(({ line: { key } }) => key);
    expect([names('name'), names('value'), names('change')]).toEqual([
      ['a', 'b', 'c'],
      ['b', 'a', 'c'],
      ['b', 'a', 'c'],
    ]);
    expect([...leading(under, 1, 'change')]).toEqual(['b']);
    expect([...leading(under, 0, 'value')]).toHaveLength(3);
  });

  it('is taken away as CSV with all that is known, and without what is hidden', () => {
    const csv = csvOf({
      lines: [line('a "b", c'), line('b')],
      columns: {
        starts: [0],
        rows: new Map([
          ['a "b", c', [point(0, 5)]],
          ['b', [point(0, 6)]],
        ]),
      },
      hidden: new Set(['b']),
    });
    const [head = '', ...rows] = csv.split('\r\n');
    expect(head.split(',').slice(0, 2)).toEqual(['series', 'metric']);
    expect(head.split(',')).toEqual(
      expect.arrayContaining(['start', 'end', 'count', 'avg', 'p95', 'last_event']),
    );
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatch(/^"a ""b"", c",usage,/);
    expect(rows[0]).toContain('1970-01-01T00:00:10.000Z');
  });
});

describe('a name in CSV', () => {
  it.each([
    ['=HYPERLINK("http://a.example","b")', `"'=HYPERLINK(""http://a.example"",""b"")"`],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\t=1', "'\t=1"],
    ['\r=1', `"'\r=1"`],
    ['a=b', 'a=b'],
    ['laptop/cpu', 'laptop/cpu'],
  ])('is no formula, and numbers stay numbers: %j', (series, cell) => {
    const rows = new Map([[series, [point(0, -5)]]]);
    const csv = csvOf({ lines: [line(series)], columns: { starts: [0], rows }, hidden: new Set() });
    expect(csv.slice(csv.indexOf('\n') + 1).startsWith(`${cell},usage,`)).toBe(true);
    expect(csv).toContain(',-5,');
  });
});

describe('how the charts show it', () => {
  it('is in the address, and as usual where that says nothing of use', () => {
    expect(
      readView('?draw=heat&statistic=p95&band=all&top=5&by=change&sort=value&hide=a&hide=b&table=usage'),
    ).toEqual({
      ...{ draw: 'heat', statistic: 'p95', band: 'all', top: 5, by: 'change', sort: 'value', table: 'usage' },
      hidden: new Set(['a', 'b']),
    });
    const usual = {
      draw: 'lines',
      statistic: 'avg',
      band: 'one',
      top: 0,
      by: 'value',
      sort: 'name',
      table: '',
    };
    expect(readView('?statistic=toString&top=7&sort=')).toEqual({ ...usual, hidden: new Set() });
  });
});

describe('a tile', () => {
  const lineOf = (series: string, metric: string, values: readonly number[]) => ({
    ...{ series, metric },
    points: values.map((value, index) => point(index, value)),
  });

  it('has a number for each line, or, of many, the middle one of each metric with its range', () => {
    const few = figuresOf({
      lines: [lineOf('a', 'usage', [1, 2, 99]), lineOf('b', 'usage', [3])],
      newest: 25_000,
    });
    expect(few.map(({ label, value, range }) => [label, value, range])).toEqual([
      ['a', 2, null],
      ['b', 3, null],
    ]);
    const lines = Array.from({ length: 9 }, (_, index) => lineOf(`s${index}`, 'usage', [index]));
    const [figure] = figuresOf({ lines, newest: 10_000 });
    expect(figure).toMatchObject({ label: 'usage, median of 9 series', value: 4, range: [0, 8] });
    expect(figure?.spark.get(0)).toBe(4);
    expect(figuresOf({ lines: [lineOf('a', 'usage', [])], newest: 0 })).toEqual([]);
  });

  it('draws no line over what is missing', () => {
    const values = new Map([
      [0, 1],
      [10, 2],
      [40, 1],
    ]);
    expect(sparkPath(values, { from: 0, to: 40 }, 10)).toBe('M0.0 26.0h0.8L30.0 2.0M120.0 26.0h0.8');
  });
});

describe('a chart as a heat map', () => {
  const of = (start: number, avg: number) => windowMessage({ start, end: start + 10_000, avg });
  const row = [of(0, 1), of(10_000, 5), undefined, of(30_000, 3), of(40_000, 9)];
  const scene = {
    lines: [{ key: 'a', metric: 'usage', series: 'a', label: 'a', position: 0 }],
    columns: { starts: [0, 10, 20, 30, 40], rows: new Map([['a', row]]) },
    statistic: 'avg' as const,
    newestEvent: 45_000,
  };
  const values = (to: number) => {
    const heat = heatValuesOf(scene, { from: 0, to }, 10_000, UTC);
    return { ...heat, row: heat.starts.map((start) => heat.valueAt('a', start)) };
  };

  it('has a column for each complete window, also where there is none', () => {
    expect(values(60_000)).toMatchObject({ each: 1, row: [1, 5, null, 3, null, null] });
  });

  it('shows the greatest of several windows where there are too many', () => {
    const { each, width, row: shown } = values(4_800_000);
    expect([each, width]).toEqual([2, 20_000]);
    expect(shown.slice(0, 3)).toEqual([5, 3, null]);
  });
});
