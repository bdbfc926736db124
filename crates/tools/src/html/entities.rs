//! Character references such as `&amp;`.

/// The names that pages use; others stay as they are written.
const NAMED: &[(&str, &str)] = &[
    ("amp", "&"),
    ("lt", "<"),
    ("gt", ">"),
    ("quot", "\""),
    ("apos", "'"),
    ("nbsp", " "),
    ("ndash", "–"),
    ("mdash", "—"),
    ("hellip", "…"),
    ("lsquo", "‘"),
    ("rsquo", "’"),
    ("sbquo", "‚"),
    ("ldquo", "“"),
    ("rdquo", "”"),
    ("bdquo", "„"),
    ("laquo", "«"),
    ("raquo", "»"),
    ("bull", "•"),
    ("middot", "·"),
    ("copy", "©"),
    ("reg", "®"),
    ("trade", "™"),
    ("deg", "°"),
    ("plusmn", "±"),
    ("times", "×"),
    ("divide", "÷"),
    ("frac12", "½"),
    ("sect", "§"),
    ("para", "¶"),
    ("euro", "€"),
    ("pound", "£"),
    ("yen", "¥"),
    ("cent", "¢"),
    ("larr", "←"),
    ("rarr", "→"),
    ("uarr", "↑"),
    ("darr", "↓"),
    ("le", "≤"),
    ("ge", "≥"),
    ("ne", "≠"),
    ("szlig", "ß"),
    ("auml", "ä"),
    ("ouml", "ö"),
    ("uuml", "ü"),
    ("Auml", "Ä"),
    ("Ouml", "Ö"),
    ("Uuml", "Ü"),
    ("eacute", "é"),
    ("egrave", "è"),
    ("ecirc", "ê"),
    ("agrave", "à"),
    ("aacute", "á"),
    ("acirc", "â"),
    ("ccedil", "ç"),
    ("ntilde", "ñ"),
    ("oacute", "ó"),
    ("iacute", "í"),
    ("uacute", "ú"),
    ("aring", "å"),
    ("oslash", "ø"),
    ("aelig", "æ"),
    ("shy", ""),
    ("zwnj", ""),
    ("zwj", ""),
    ("ensp", " "),
    ("emsp", " "),
    ("thinsp", " "),
];

/// The longest reference that is read, without its `&` and `;`.
const MAX: usize = 12;

/// Appends text with its references read.
pub(super) fn push_decoded(out: &mut String, html: &str) {
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let end = after.bytes().take(MAX + 1).position(|b| b == b';');
        let decoded = end.and_then(|end| after.get(..end)).is_some_and(|name| push(out, name));
        rest = match end.filter(|_| decoded) {
            Some(end) => after.get(end + 1..).unwrap_or_default(),
            None => {
                out.push('&');
                after
            }
        };
    }
    out.push_str(rest);
}

/// Appends what a reference stands for; false where it is none.
fn push(out: &mut String, name: &str) -> bool {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => number.parse().ok(),
        };
        let Some(code) = code else { return false };
        let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        if !character.is_control() || character.is_whitespace() {
            out.push(character);
        }
        return true;
    }
    let found = NAMED.iter().find(|(n, _)| *n == name);
    if let Some((_, text)) = found {
        out.push_str(text);
    }
    found.is_some()
}
