import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from '@tanstack/virtual-core';
import { useLayoutEffect, useReducer, useState } from 'preact/hooks';

/** Keeps only those rows of a long list on the page that can be seen. */
export function useVirtual(
  count: number,
  rowHeight: number,
  scroller: () => HTMLElement | null,
): Virtualizer<HTMLElement, HTMLElement> {
  const [, drawAgain] = useReducer((times: number) => times + 1, 0);
  const options = {
    ...{ count, getScrollElement: scroller, estimateSize: () => rowHeight, overscan: 8 },
    ...{ scrollToFn: elementScroll, observeElementRect, observeElementOffset },
    onChange: () => {
      drawAgain(null);
    },
  };
  const [virtualizer] = useState(() => new Virtualizer<HTMLElement, HTMLElement>(options));
  virtualizer.setOptions(options);
  // The library's own adapters call these two when a component is mounted and each time that it is drawn.
  useLayoutEffect(() => virtualizer._didMount(), []);
  useLayoutEffect(() => {
    virtualizer._willUpdate();
  });
  return virtualizer;
}
