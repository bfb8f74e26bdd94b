/**
 * An answer's text, as UTF-8.
 *
 * @throws Error when it is longer than `bytesMax`, or no UTF-8
 */
export async function boundedText(answer: Response, bytesMax: number): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw new Error(`answer is longer than ${bytesMax} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
