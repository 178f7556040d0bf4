import { computed } from '@preact/signals';
import { query } from './address.ts';
import { readView } from './view.ts';

/** How the charts show what is selected. */
export const view = computed(() => readView(query.value));
