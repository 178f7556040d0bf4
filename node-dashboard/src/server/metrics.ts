import { Counter, Gauge, Registry } from 'prom-client';
import type { State } from '../shared/generated/health.ts';
import type { LiveSlots } from './live-slots.ts';
import type { Pipeline } from './pipeline.ts';
import { VERSION } from './version.ts';

/** What a sample is about, and its value. */
type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

/** A metric whose numbers are kept elsewhere, and read when they are asked for. */
interface Metric {
  readonly name: string;
  /** A sentence without its full stop. */
  readonly help: string;
  readonly labels?: readonly string[];
  /** What is not known has no sample: it is not zero. */
  readonly samples: () => readonly Sample[];
}

/** What the dashboard says of itself to Prometheus, in names and units as the other programs (docs/observation.md). */
export function createMetrics(pipeline: Pipeline, slots: LiveSlots): Registry {
  const registry = new Registry();
  for (const metric of [...ofProcess(), ...own(pipeline, slots)]) {
    addGauge(registry, metric);
  }
  for (const metric of counters(pipeline)) {
    addCounter(registry, metric);
  }
  return registry;
}

/** The same each time, even if somebody sets the clock. */
const STARTED = Date.now() / 1000 - process.uptime();

function ofProcess(): readonly Metric[] {
  return [
    {
      name: 'process_start_time_seconds',
      help: 'When the process started, since the epoch',
      samples: () => [[{}, STARTED]],
    },
    {
      name: 'process_resident_memory_bytes',
      help: 'Memory that the process holds',
      samples: () => [[{}, process.memoryUsage.rss()]],
    },
    {
      name: 'freshet_build_info',
      help: 'Which build this is; always 1',
      labels: ['version'],
      samples: () => [[{ version: VERSION }, 1]],
    },
  ];
}

/** The states that the dashboard has. */
const STATES: readonly State[] = ['running', 'waiting'];

function own(pipeline: Pipeline, slots: LiveSlots): readonly Metric[] {
  const { report, tail, history } = pipeline;
  return [
    {
      name: 'freshet_dashboard_state',
      help: 'What the program is doing: 1 for its state, 0 for the others',
      labels: ['state'],
      samples: () => STATES.map((state) => [{ state }, Number(state === report().state)]),
    },
    {
      name: 'freshet_dashboard_waiting',
      help: 'Whether something outside is waited for now',
      labels: ['for'],
      samples: () => [
        [{ for: 'kafka' }, Number(!tail.health.connected)],
        [{ for: 'cassandra' }, Number(!history.health.connected)],
      ],
    },
    {
      name: 'freshet_dashboard_last_error_timestamp_seconds',
      help: 'When the last error happened, since the epoch',
      samples: () => known(report().last_error_time, 1000),
    },
    {
      name: 'freshet_dashboard_lag_records',
      help: 'Records of its topics that it still has to read',
      samples: () => known(report().lag, 1),
    },
    {
      name: 'freshet_dashboard_live_clients',
      help: 'Clients that listen to events',
      samples: () => [[{}, slots.taken]],
    },
    {
      name: 'freshet_dashboard_alerts',
      help: 'Series and metrics on which an alert is pending or firing',
      labels: ['alert', 'state'],
      samples: () => alertCounts(pipeline),
    },
    {
      name: 'freshet_dashboard_component_report_age_seconds',
      help: 'How old the last health report of a component is, unless it has said that it ends',
      labels: ['component', 'stream', 'reporter'],
      samples: () => reportAges(pipeline),
    },
  ];
}

function alertCounts({ config, alerts }: Pipeline): readonly Sample[] {
  const counts = alerts.counts();
  return config.alerts.flatMap(({ name }) =>
    (['pending', 'firing'] as const).map(
      (state) => [{ alert: name, state }, counts.get(`${name}|${state}`) ?? 0] as const,
    ),
  );
}

function reportAges({ board }: Pipeline): readonly Sample[] {
  const atWork = board.components(Date.now()).filter(({ state }) => state !== ('ended' satisfies State));
  return atWork.map(({ component, stream, instance, age }) => [
    { component, stream: stream ?? '', reporter: instance },
    age / 1000,
  ]);
}

function counters({ report }: Pipeline): readonly Metric[] {
  return [
    {
      name: 'freshet_dashboard_window_messages_total',
      help: 'Window messages that were received',
      samples: () => [[{}, report().records_in]],
    },
    {
      name: 'freshet_dashboard_received_bytes_total',
      help: 'Bytes of the window messages that were received',
      samples: () => [[{}, report().bytes_in]],
    },
    {
      name: 'freshet_dashboard_events_total',
      help: 'Events that were sent to clients',
      samples: () => [[{}, report().records_out]],
    },
    {
      name: 'freshet_dashboard_sent_bytes_total',
      help: 'Bytes of the events that were sent to clients',
      samples: () => [[{}, report().bytes_out]],
    },
    {
      name: 'freshet_dashboard_errors_total',
      help: 'Errors by kind, as docs/topics.md lists them',
      labels: ['kind'],
      samples: () => Object.entries(report().errors ?? {}).map(([kind, count]) => [{ kind }, count]),
    },
  ];
}

/** A sample of what may not be known, in another unit. */
function known(value: number | null | undefined, divisor: number): readonly Sample[] {
  return value === null || value === undefined ? [] : [[{}, value / divisor]];
}

function addGauge(registry: Registry, { name, help, labels = [], samples }: Metric): void {
  const gauge = new Gauge({
    ...{ name, help: `${help}.`, labelNames: labels, registers: [registry] },
    collect: () => {
      gauge.reset();
      if (labels.length === 0) {
        // It would be zero until it is set.
        gauge.remove({});
      }
      for (const [of, value] of samples()) {
        gauge.set(of, value);
      }
    },
  });
}

function addCounter(registry: Registry, { name, help, labels = [], samples }: Metric): void {
  const counter = new Counter({
    ...{ name, help: `${help}.`, labelNames: labels, registers: [registry] },
    collect: () => {
      counter.reset();
      for (const [of, value] of samples()) {
        counter.inc(of, value);
      }
    },
  });
}
