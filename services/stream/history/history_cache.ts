import { CachedPages } from "./cached_pages.ts";
import type { HistoryCache } from "./history.ts";
import { FeedWatch } from "./range_feed_watch.ts";
import type { CandleMeter } from "./range_metrics.ts";
import { RangeStore, type RangeStoreOptions } from "./range_store.ts";
import { Shown } from "./shown.ts";

/** @param options with `now`, ms since the epoch */
export function historyCache(
  options: RangeStoreOptions & { readonly now: () => number },
  meter: CandleMeter,
): HistoryCache {
  const store = new RangeStore(options);
  const feeds = new FeedWatch(options.now);
  const shown = new Shown();
  return { pages: new CachedPages(store, feeds, shown), store, feeds, shown, meter };
}
