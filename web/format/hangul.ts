const INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ";

/** First and last Hangul syllable block in Unicode, and the syllables that share an initial consonant. */
const FIRST = 0xac00;
const LAST = 0xd7a3;
const SYLLABLES_PER_INITIAL = 588;

/** The initial consonants of a Korean text: `비트코인` → `ㅂㅌㅋㅇ`; other characters stay. */
export function initialsOf(text: string): string {
  let initials = "";
  for (const character of text) {
    const code = character.codePointAt(0)!;
    initials += code >= FIRST && code <= LAST
      ? INITIALS[Math.floor((code - FIRST) / SYLLABLES_PER_INITIAL)]
      : character;
  }
  return initials;
}

/** Whether a market is meant: by code, English or Korean name, or by the Korean name's initial consonants (`ㅂㅌㅋㅇ`). */
export function marketSearch(
  query: string,
): (market: {
  readonly market: string;
  readonly koreanName: string;
  readonly englishName: string;
}) => boolean {
  const wanted = query.normalize("NFC").trim().toLowerCase().replaceAll(" ", "");
  if (wanted === "") return () => true;
  const byInitials = [...wanted].every((character) => INITIALS.includes(character));
  return ({ market, koreanName, englishName }) => {
    const korean = koreanName.normalize("NFC").toLowerCase().replaceAll(" ", "");
    if (byInitials) return initialsOf(korean).includes(wanted);
    const [quote, base] = market.toLowerCase().split("-") as [string, string];
    return korean.includes(wanted) || `${quote}-${base}`.includes(wanted) ||
      `${base}/${quote}`.includes(wanted) ||
      englishName.toLowerCase().replaceAll(" ", "").includes(wanted);
  };
}
