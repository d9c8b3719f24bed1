/**
 * What stands behind the escapes of a part of a URL. A percent sign that begins no escape, or escapes that are no UTF-8, stand
 * for themselves: people type passwords as they are.
 */
export function unescapePercent(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, escapes => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
}
