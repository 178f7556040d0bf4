import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { HealthReport } from '../../src/shared/api.ts';
import { deadLetter } from '../letters.ts';
import { page, stage } from '../page-hooks.ts';
import { smallTargets, WAIT } from '../page-stage.ts';
import { axeFinds } from './axe.mjs';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 40_000 });

beforeEach(() => {
  page.setDefaultTimeout(WAIT);
});

const now = Date.now();

function report(fields: Partial<HealthReport>): void {
  const told: HealthReport = {
    ...{ component: 'spark-job', instance: 'a:1', stream: null, since: now - 7_200_000, time: Date.now() },
    ...{ records_in: 0, records_out: 0, bytes_in: 0, bytes_out: 0, errors: {}, lag: null },
    ...{ state: 'running', waiting_for: null, last_error: null, last_error_time: null },
    ...fields,
  };
  stage.pipeline.board.add(told, Date.now());
}

/** A pipeline in which everything works but for what `job` says of the Spark job. */
function pipelineAtWork(job: Partial<HealthReport> = {}): void {
  const end = Date.now();
  for (const [second, count] of [
    [2000, 1000],
    [0, 1200],
  ] as const) {
    const time = end - second;
    report({ component: 'freshet-producer', time, records_out: count });
    report({
      ...{ time, stream: 'host', records_in: count + 34_000, records_out: count, lag: 7 },
      ...{ counted: count + 33_955, late: 40, rejected: 5, skipped: 0, restarts: 2, batch_id: 9 },
      ...{ skipped_offsets: 0, deleted_offsets: 0, lost_offsets: 0 },
      ...{ batch_duration_ms: 321, watermark: time - 12_000, state_rows: 480, state_bytes: 250_000 },
      ...{ last_progress_time: time },
      ...job,
    });
    report({ component: 'freshet-cassandra-writer', time, records_in: count, records_out: count, lag: 3 });
    stage.pipeline.past.look(time);
  }
}

async function open(query = ''): Promise<void> {
  await page.goto(stage.address(`?page=pipeline${query}`));
  await page.waitForSelector('.flow .place');
}

const text = async (selector: string): Promise<string> =>
  (await page.innerText(selector)).replace(/\s+/g, ' ');

describe('the way of the data', () => {
  it('shows rate, lag and history of each arrow', async () => {
    pipelineAtWork();
    await open();
    const places = await page.$$eval('.flow .place b', (found) => found.map((place) => place.textContent));
    expect(places).toEqual([
      ...['Producer', 'Kafka raw', 'Spark', 'Kafka windows', 'Writer', 'Cassandra', 'Dashboard'],
    ]);
    expect(await text('[data-to="Spark"]')).toBe('100/s records lag 7');
    expect(await text('[data-to="Writer"]')).toBe('100/s windows lag 3');
    expect(await text('[data-to="Kafka raw"]')).toBe('100/s records');
    expect(await page.getAttribute('[data-to="Spark"] svg >> nth=1', 'aria-label')).toMatch(
      /^lag towards Spark: from 7 to 7, now 7$/,
    );
    expect(await page.getAttribute('[data-to="Spark"] svg path', 'd')).toMatch(/^M/);
    expect(await text('[data-place="Spark"]')).toBe('Spark running');
  });

  it.each([1280, 1262, 1000, 360])('has room for every word, %i pixels wide', async (width) => {
    pipelineAtWork();
    await page.setViewportSize({ width, height: 740 });
    await open();
    const tooWide = await page.$$eval('.flow, .place, .place > *, .way, .way > *', (found) =>
      found
        .filter((one) => one instanceof HTMLElement && one.scrollWidth > one.clientWidth + 1)
        .filter((one) => getComputedStyle(one).display !== 'inline')
        .map((one) => one.textContent),
    );
    expect(tooWide).toEqual([]);
    const boxes = await page.$$eval('.flow .place, .flow .way', (found) =>
      found.map((one) => one.getBoundingClientRect().toJSON() as DOMRect),
    );
    const overlaps = boxes.filter((one, index) =>
      boxes
        .slice(index + 1)
        .some(
          (other) =>
            one.left < other.right - 1 &&
            other.left < one.right - 1 &&
            one.top < other.bottom - 1 &&
            other.top < one.bottom - 1,
        ),
    );
    expect(overlaps).toEqual([]);
  });

  it('does not take silence for zero', async () => {
    await open();
    expect(await text('[data-to="Spark"]')).toBe('rate unknown records lag unknown');
    expect(await text('[data-place="Spark"]')).toBe('Spark has not reported');
    expect(await page.getAttribute('[data-place="Kafka raw"]', 'class')).toContain('unwell');
  });

  it('says that a component is silent, and knows no rate of it then', async () => {
    report({ component: 'freshet-producer', time: Date.now() - 60_000, records_out: 5 });
    await open();
    await page.waitForFunction(() =>
      document.querySelector('[data-place="Producer"]')?.textContent.includes('silent for 1 min'),
    );
    expect(await text('[data-to="Kafka raw"]')).toBe('rate unknown records');
  });
});

describe('the books of a stream', () => {
  it('balance, and say how its query is', async () => {
    pipelineAtWork();
    await open();
    expect(await text('[data-stream="host"] .account')).toBe(
      '35,200 read = 35,155 counted + 40 late + 5 rejected + 0 skipped',
    );
    expect(await page.$('[data-stream="host"] .loss')).toBeNull();
    const facts = await page.$$eval('[data-stream="host"] .facts > div', (found) =>
      Object.fromEntries(
        found.map((fact) => [
          (fact as HTMLElement).dataset.fact ?? '',
          fact.lastElementChild?.textContent ?? '',
        ]),
      ),
    );
    expect(facts).toMatchObject({
      ...{ lag: '7 records', 'newest batch': '321 ms (number 9)', state: '480 rows, 250.0\u00a0kB' },
      ...{ restarts: '2, tried again from the checkpoint each time', errors: 'none' },
    });
    expect(facts.watermark).toMatch(/^\d\d:\d\d:\d\d, 1\d\.\d s behind the clock$/);
  });

  it('say so when they do not balance', async () => {
    pipelineAtWork({ counted: 35_152 });
    await open();
    expect(await text('[data-stream="host"] .account')).toBe(
      '35,200 read ≠ 35,152 counted + 40 late + 5 rejected + 0 skipped',
    );
    expect(await text('.loss[data-what="unaccounted"]')).toBe(
      'The books do not balance: 3 records were read, and nothing is known to have become of them',
    );
  });

  it('show no gap in red that is no loss', async () => {
    pipelineAtWork({ skipped_offsets: 1234 });
    await open();
    expect(await page.$('[data-stream="host"] .loss')).toBeNull();
    expect(await text('[data-what="gaps"]')).toMatch(/^1,234 offsets held no record, and are no loss: marks/);
  });

  it('tell what the rules of the stream leave out of records that count', async () => {
    pipelineAtWork({
      counted: 35_055,
      skipped: 100,
      rejected_rows: 7,
      skipped_values: { load: 1200, temp: 3 },
    });
    await open();
    expect(await text('[data-stream="host"] .account')).toBe(
      '35,200 read = 35,055 counted + 40 late + 5 rejected + 100 skipped',
    );
    expect(await text('[data-what="rejected_rows"]')).toMatch(/^7 bad rows of records that count/);
    expect(await text('[data-what="skipped_values"]')).toMatch(/: 1,200 of load, 3 of temp$/);
  });

  it('show in red what was never read', async () => {
    pipelineAtWork({ skipped_offsets: 1234, deleted_offsets: 1000, lost_offsets: 50 });
    await open();
    expect(await text('.loss[data-what="deleted"]')).toMatch(/^1,000 offsets deleted unread: Kafka had/);
    expect(await text('[data-what="gaps"]')).toMatch(/^234 offsets held no record/);
    expect(await text('.loss[data-what="lost"]')).toMatch(/^50 offsets lost/);
    const [red = 0, green = 0, blue = 0] =
      (await page.$eval('.loss', (found) => getComputedStyle(found).color)).match(/\d+/g)?.map(Number) ?? [];
    expect(red).toBeGreaterThan(2 * Math.max(green, blue));
  });

  it('are unknown where the job does not tell them', async () => {
    report({ stream: 'host', records_in: 10 });
    await open();
    expect(await text('[data-stream="host"] .account')).toBe(
      '10 read =? unknown counted + unknown late + unknown rejected + unknown skipped',
    );
    expect(await text('[data-stream="host"]')).toContain(
      'whether Kafka has deleted records unread is not known',
    );
  });
});

describe('the dead letters', () => {
  const reads = (): void => {
    vi.spyOn(stage.pipeline.letters.tail, 'topicHealth').mockReturnValue({ connected: true, message: '' });
    vi.spyOn(stage.pipeline.letters.tail, 'lag', 'get').mockReturnValue(0);
  };

  it('say that the topic cannot be read, rather than that there are none', async () => {
    await open();
    await page.waitForSelector('#letters-away');
    expect(await text('#letters-away')).toMatch(
      /^dead letters cannot be read now: kafka at .* has not answered yet$/,
    );
    expect(await text('#letters-count')).toBe('none yet');
    reads();
    await page.waitForFunction(
      () => document.querySelector('#letters-count')?.textContent === 'the topic holds no dead letters',
    );
    expect(await page.$('#letters-away')).toBeNull();
  });

  it('show the record as text, whatever stands in it, and what to do', async () => {
    reads();
    const value = '<img src=x onerror="document.title=1"> \u0000\u202eend';
    stage.pipeline.letters.kept.append(0, [
      deadLetter({
        offset: 7,
        reason: 'invalid_json',
        detail: 'expected an object',
        value,
        at: Date.now() - 65_000,
      }),
    ]);
    await open();
    await page.waitForSelector('.letter');
    expect(await page.textContent('.letter pre')).toBe(
      '<img src=x onerror="document.title=1"> \\u{0}\\u{202e}end',
    );
    expect(await page.$('.letter img')).toBeNull();
    expect(await text('.letter')).toMatch(
      /invalid_json parse host raw\.host, partition 2, offset 7 1 min 0\d s ago/,
    );
    expect(await text('.letter .detail')).toBe('expected an object');
    expect(await text('.letter .advice')).toMatch(/^Send one whole JSON object/);
  });

  it('are filtered by reason; the address says so, and Back leads back', async () => {
    reads();
    stage.pipeline.letters.kept.append(0, [
      ...Array.from({ length: 70 }, (_, offset) => deadLetter({ offset })),
      deadLetter({ offset: 99, reason: 'too_deep' }),
    ]);
    await open();
    await page.waitForSelector('.letter');
    expect(await text('#letters-count')).toBe('50 of 71 letters');
    expect(
      await page.$$eval('#letters-reason option', (found) => found.map((one) => one.textContent)),
    ).toEqual([...['all (71)', 'invalid_value (70)', 'too_deep (1)']]);
    await page.selectOption('#letters-reason', 'too_deep');
    await page.waitForFunction(() => document.querySelectorAll('.letter').length === 1);
    expect(new URL(page.url()).searchParams.get('pipeline.reason')).toBe('too_deep');
    await page.goBack();
    await page.waitForFunction(() => document.querySelectorAll('.letter').length === 50);
    await page.click('text=Show more');
    await page.waitForFunction(() => document.querySelectorAll('.letter').length === 71);
  });
});

it.each(['light', 'dark'] as const)('axe finds nothing, %s, also on a phone', async (colorScheme) => {
  await page.emulateMedia({ colorScheme });
  pipelineAtWork({ skipped_offsets: 3, deleted_offsets: 1, counted: 1 });
  stage.pipeline.letters.kept.append(0, [deadLetter()]);
  await open();
  await page.waitForSelector('.letter');
  expect(await axeFinds(page)).toEqual([]);
  await page.setViewportSize({ width: 360, height: 740 });
  expect(await axeFinds(page)).toEqual([]);
  expect(await smallTargets(page)).toEqual([]);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width).toBeLessThanOrEqual(360);
});
