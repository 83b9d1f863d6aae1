//! The font of all pictures, brought along so that they look the same everywhere.

use ab_glyph::Font;
use ab_glyph::FontRef;
use plotters::style::FontStyle;
use resvg::usvg::fontdb::{Database, FaceInfo, Language, Source};
use std::sync::{Arc, LazyLock, Once};

/// Its name is the generic one, so that a viewer of an SVG without this font still finds one without serifs.
pub const FONT: &str = "sans-serif";

const FAMILY: &str = "Inter";
const REGULAR: &[u8] = include_bytes!("font/Inter-Regular.otf");
const BOLD: &[u8] = include_bytes!("font/Inter-SemiBold.otf");

/// Lets plotters know the font.
pub fn register() {
    static FONTS: Once = Once::new();
    FONTS.call_once(|| {
        for (style, bytes) in [(FontStyle::Normal, REGULAR), (FontStyle::Bold, BOLD)] {
            assert!(plotters::style::register_font(FONT, style, bytes).is_ok(), "the embedded font is a font");
        }
    });
}

/// Whether the font, of either weight, lacks a character.
pub fn lacks(character: char) -> bool {
    static FACE: LazyLock<Option<FontRef<'static>>> = LazyLock::new(|| FontRef::try_from_slice(REGULAR).ok());
    FACE.as_ref().is_none_or(|face| face.glyph_id(character).0 == 0)
}

/// The font, and no other, for who draws what plotters wrote.
pub fn database() -> Arc<Database> {
    static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
        let mut fonts = Database::new();
        for bytes in [REGULAR, BOLD] {
            for id in fonts.load_font_source(Source::Binary(Arc::new(bytes))) {
                let Some(face) = fonts.face(id).cloned() else { continue };
                fonts.remove_face(id);
                // The bold one says that it is of another family.
                fonts.push_face_info(FaceInfo { families: vec![(FAMILY.to_owned(), Language::English_UnitedStates)], ..face });
            }
        }
        fonts.set_sans_serif_family(FAMILY);
        Arc::new(fonts)
    });
    Arc::clone(&FONTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_weights_have_the_same_characters() {
        let bold = FontRef::try_from_slice(BOLD).unwrap();
        assert!(('\0'..'\u{ffff}').all(|character| (bold.glyph_id(character).0 == 0) == lacks(character)));
        assert!(!"aé±…–·".chars().any(lacks) && "模Ł\u{1}".chars().all(lacks));
    }
}
