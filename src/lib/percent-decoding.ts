/**
 * A text with its percent-encoded characters decoded, as users type parts of URLs, credentials above all: a percent sign that begins no escape,
 * and escapes of bytes that are no text in UTF-8, stay as they stand.
 */
export function decodePercents(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, escapes => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
}
