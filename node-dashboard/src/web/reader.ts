import { computed, signal } from '@preact/signals';
import { parameter } from './address.ts';
import { isZone } from '../shared/zoned.ts';

/** The language in which numbers and times are written: that of the browser, once the page says so. */
export const locale = signal('en-GB');

/** The zone that the address names: `UTC`, or one of IANA's; empty for the browser's own, also when it is unknown. */
export const chosenZone = computed(() => {
  const name = parameter('zone');
  return isZone(name) ? name : '';
});

/** The zone in which times are written. */
export const zone = computed(() =>
  chosenZone.value === '' ? Intl.DateTimeFormat().resolvedOptions().timeZone : chosenZone.value,
);
