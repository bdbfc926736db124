//! `auth`: which of a model provider's profiles are taken, and in which order. The profiles themselves, with their secrets, are
//! elsewhere: [`crate::AuthProfiles`].

use crate::doc::Section;

/// `auth`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelAuthConfig {
    /// `order.<provider>`: its profiles, the first one first.
    pub order: Vec<(String, Vec<String>)>,
    /// `profiles.<id>.provider`: profiles and whose they are.
    pub profiles: Vec<(String, String)>,
}

impl ModelAuthConfig {
    pub(crate) fn read(s: &Section<'_>) -> Self {
        s.unsupported("cooldowns", "how long a key rests is in docs/models.md");
        let profiles = s.entries("profiles", |id, profile| {
            for key in ["mode", "email", "displayName"] {
                profile.raw(key);
            }
            Some((id.to_owned(), profile.text("provider")?))
        });
        Self { order: s.text_lists("order"), profiles: profiles.into_iter().flatten().collect() }
    }

    /// A provider's profiles in the order in which they are to be taken, where somebody chose one: no others are.
    pub fn order_of(&self, provider: &str) -> Option<Vec<String>> {
        if let Some((_, order)) = self.order.iter().find(|(name, _)| name == provider) {
            return Some(order.clone());
        }
        let of_provider = self.profiles.iter().filter(|(_, whose)| whose == provider);
        let named: Vec<String> = of_provider.map(|(id, _)| id.clone()).collect();
        (!named.is_empty()).then_some(named)
    }
}
