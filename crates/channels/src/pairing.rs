//! Pairing codes for strangers who write to the bot, and what the strangers get to read.

/// Capitals and digits without those that look alike (0 and O, 1 and I): 32, so five random bits choose one.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// A pairing code of 8 characters (40 random bits) from 8 random bytes.
pub fn new_pairing_code(random: [u8; 8]) -> String {
    let letter = |byte: u8| ALPHABET.get(usize::from(byte & 31)).copied().map_or('A', char::from);
    random.into_iter().map(letter).collect()
}

/// What a stranger gets to read, in Markdown: who they are to the platform, their code, and the command with which the
/// owner lets them in.
pub fn pairing_reply(code: &str, sender_id: &str, channel: &str) -> String {
    let label = label(channel);
    format!(
        "This bot does not know you yet, so your message was not processed.\n\n\
         Your {label} user id: `{sender_id}`\n\
         Pairing code: `{code}`\n\n\
         To let you in, the owner of the bot runs:\n\n\
         ```\nopenclaw pairing approve {channel} {code}\n```\n\n\
         The code is valid for one hour."
    )
}

/// The channel's name as people write it.
fn label(channel: &str) -> String {
    let mut chars = channel.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_code_has_eight_characters_that_cannot_be_confused(random in any::<[u8; 8]>()) {
            let code = new_pairing_code(random);
            prop_assert_eq!(code.len(), 8);
            prop_assert!(code.bytes().all(|b| ALPHABET.contains(&b)));
            prop_assert!(!code.contains(['0', 'O', '1', 'I']));
        }
    }

    #[test]
    fn every_letter_of_the_alphabet_is_used() {
        let codes: String =
            (0..=248u8).step_by(8).map(|b| new_pairing_code(std::array::from_fn(|i| b + i as u8))).collect();
        assert!(ALPHABET.iter().all(|b| codes.contains(char::from(*b))));
    }

    #[test]
    fn the_reply_names_the_sender_the_code_and_the_command() {
        let reply = pairing_reply("ABCD2345", "777", "telegram");
        for part in ["Your Telegram user id: `777`", "ABCD2345", "openclaw pairing approve telegram ABCD2345"]
        {
            assert!(reply.contains(part), "{part} is missing in {reply}");
        }
    }
}
