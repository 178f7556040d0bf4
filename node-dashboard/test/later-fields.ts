import type * as generated from '../src/shared/generated/window.ts';
import type { WindowField } from '../src/shared/generated/window.ts';

type Fields = typeof generated;

/** Fields such as a later version may have. */
export const LATER_FIELDS = [
  { name: 'mode', kind: 'number', optional: true },
  { name: 'peak_time', kind: 'time', optional: true },
  { name: 'outliers', kind: 'count', optional: true },
] as unknown as readonly WindowField[];

/** The table of fields of a later version. */
export function withLaterFields(fields: Fields): Fields {
  const names = LATER_FIELDS.map(({ name }) => name);
  return {
    ...fields,
    WINDOW_FIELDS: [...fields.WINDOW_FIELDS, ...LATER_FIELDS],
    LATER_STATISTICS: [...fields.LATER_STATISTICS, ...LATER_FIELDS],
    WINDOW_COLUMNS: [...fields.WINDOW_COLUMNS, ...names],
    WINDOW_MEANINGS: {
      ...fields.WINDOW_MEANINGS,
      ...Object.fromEntries(names.map((name) => [name, `what ${name} means`])),
    },
  };
}
