/**
 * Stores items although some of them are refused: halves the list until each refused item stands alone, so that one bad
 * row costs log2(n) more transactions and never holds the others.
 *
 * Many refused items are not bad data but a bad schema or our bug: above `refusedMax` the last error is thrown, which ends
 * the service with everything still in Kafka, rather than emptying the topic into the dead letter.
 *
 * @param store stores all items or none
 * @param isRefusal whether an error is about the items' content; any other is thrown
 * @returns the refused items, each with the error that names it
 */
export async function bisect<Item>(
  items: readonly Item[],
  store: (items: readonly Item[]) => Promise<void>,
  isRefusal: (error: unknown) => boolean,
  refusedMax: number,
): Promise<readonly { readonly item: Item; readonly error: unknown }[]> {
  const refused: { item: Item; error: unknown }[] = [];
  const part = async (items: readonly Item[]): Promise<void> => {
    if (items.length === 0) return;
    try {
      return await store(items);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (items.length === 1) {
        if (refused.length >= refusedMax) throw error;
        refused.push({ item: items[0]!, error });
        return;
      }
    }
    const middle = items.length >> 1;
    await part(items.slice(0, middle));
    await part(items.slice(middle));
  };
  await part(items);
  return refused;
}
