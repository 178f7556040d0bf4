import {
  constructTable,
  createColumnHelper,
  createExpandedRowModel,
  createSortedRowModel,
  rowExpandingFeature,
  rowSortingFeature,
  sortFn_alphanumeric,
  tableFeatures,
} from '@tanstack/table-core';
import { storeReactivityBindings } from '@tanstack/table-core/store-reactivity-bindings';
import { NUMBERS, type FleetRow } from './rows.ts';

const features = tableFeatures({
  coreReactivityFeature: storeReactivityBindings(),
  rowSortingFeature,
  rowExpandingFeature,
  sortedRowModel: createSortedRowModel(),
  expandedRowModel: createExpandedRowModel(),
  sortFns: { alphanumeric: sortFn_alphanumeric },
});
const helper = createColumnHelper<typeof features, FleetRow>();
const columns = helper.columns([
  helper.accessor('name', { sortFn: 'alphanumeric' }),
  ...NUMBERS.map((name) => helper.accessor(name, { sortUndefined: 'last' })),
]);

/** By which column, and whether the greatest comes first. */
export interface Sorting {
  readonly column: string;
  readonly descending: boolean;
}

/** A row where it stands in the table. */
export interface PlacedRow {
  readonly row: FleetRow;
  /** Whether it is a series below its group. */
  readonly isMember: boolean;
}

/** The rows in their order, each group followed by its series if it is open. */
export function placedRows(
  rows: readonly FleetRow[],
  { column, descending }: Sorting,
  open: ReadonlySet<string>,
): PlacedRow[] {
  const table = constructTable({
    features,
    columns,
    data: [...rows],
    getRowId: (row) => row.id,
    getSubRows: ({ subRows }) => (subRows === undefined ? undefined : [...subRows]),
    initialState: {
      sorting: [{ id: column, desc: descending }],
      expanded: Object.fromEntries([...open].map((id) => [id, true])),
    },
  });
  return table.getRowModel().rows.map(({ original, depth }) => ({ row: original, isMember: depth > 0 }));
}

/** How the table may be sorted, as the address says it: by a column, and after a minus with the greatest first. */
export const SORTINGS: readonly string[] = ['name', ...NUMBERS].flatMap((column) => [column, `-${column}`]);

/** Reads `avg`, or `-avg` for the greatest first; by name when it says nothing that there is. */
export function readSorting(text: string): Sorting {
  return SORTINGS.includes(text)
    ? { column: text.replace(/^-/, ''), descending: text.startsWith('-') }
    : { column: 'name', descending: false };
}

/** The sorting after a column was chosen: numbers begin with the greatest, and a second time turns it around. */
export function nextSorting({ column, descending }: Sorting, chosen: string): string {
  const isDescending = column === chosen ? !descending : chosen !== 'name';
  return `${isDescending ? '-' : ''}${chosen}`;
}
