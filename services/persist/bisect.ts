/**
 * Stores items although some of them are refused: halves the list until each refused item stands alone, so that one bad
 * row costs log2(n) more transactions and never holds the others.
 *
 * @param store stores all items or none
 * @param isRefusal whether an error is about the items' content; any other is thrown
 * @returns the refused items, each with the error that names it
 */
export async function bisect<Item>(
  items: readonly Item[],
  store: (items: readonly Item[]) => Promise<void>,
  isRefusal: (error: unknown) => boolean,
): Promise<readonly { readonly item: Item; readonly error: unknown }[]> {
  if (items.length === 0) return [];
  try {
    await store(items);
    return [];
  } catch (error) {
    if (!isRefusal(error)) throw error;
    if (items.length === 1) return [{ item: items[0]!, error }];
  }
  const middle = items.length >> 1;
  return [
    ...await bisect(items.slice(0, middle), store, isRefusal),
    ...await bisect(items.slice(middle), store, isRefusal),
  ];
}
