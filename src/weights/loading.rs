//! How other programs load what was exported.

use super::card::quoted;
use super::write::Format;
use crate::model::Config;
use serde_json::Value;
use serde_json::json;

/// The `epsilon` of every layer norm here; the libraries' own defaults differ.
pub const EPSILON: f64 = 1e-6;

/// Python that loads the exported `file`. `decoder` says whether the file has a whole decoder.
pub fn snippet(model: &Config, format: Format, file: &str, decoder: bool) -> String {
    let body = match format {
        Format::Timm => timm(model, file),
        Format::Mae => mae(model, file, decoder),
        Format::Huggingface => hugging_face(decoder),
    };
    format!("{body}\n# images: [n, 3, {0}, {0}], normalised as in training\n{1}\n", model.image, features(format))
}

/// The content of the `config.json` that Hugging Face's `from_pretrained` wants beside `model.safetensors`.
pub fn config_json(model: &Config, decoder: bool) -> Value {
    let (vit, small) = (model.vit.0, model.decoder);
    json!({
        "architectures": [if decoder { "ViTMAEForPreTraining" } else { "ViTMAEModel" }],
        "model_type": "vit_mae",
        "hidden_size": vit.width,
        "num_hidden_layers": vit.depth,
        "num_attention_heads": vit.heads,
        "intermediate_size": 4 * vit.width,
        "decoder_hidden_size": small.width,
        "decoder_num_hidden_layers": small.depth,
        "decoder_num_attention_heads": small.heads,
        "decoder_intermediate_size": 4 * small.width,
        "image_size": model.image,
        "patch_size": model.patch,
        "num_channels": 3,
        "qkv_bias": true,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "layer_norm_eps": EPSILON,
        "torch_dtype": "float32",
    })
}

/// Keyword arguments, as Python writes them.
fn arguments(pairs: &[(&str, usize)]) -> String {
    pairs.iter().map(|(name, value)| format!("    {name}={value},\n")).collect()
}

fn timm(model: &Config, file: &str) -> String {
    let vit = model.vit.0;
    let sizes = arguments(&[
        ("img_size", model.image),
        ("patch_size", model.patch),
        ("embed_dim", vit.width),
        ("depth", vit.depth),
        ("num_heads", vit.heads),
        ("num_classes", 0),
    ]);
    format!(
        "from functools import partial

from safetensors.torch import load_file
from timm.models.vision_transformer import VisionTransformer
from torch.nn import LayerNorm

model = VisionTransformer(
{sizes}    class_token=True,
    global_pool=\"token\",
    norm_layer=partial(LayerNorm, eps={EPSILON:e}),
)
model.load_state_dict(load_file({}))
",
        quoted(file)
    )
}

fn mae(model: &Config, file: &str, decoder: bool) -> String {
    let (vit, small) = (model.vit.0, model.decoder);
    let sizes = arguments(&[
        ("img_size", model.image),
        ("patch_size", model.patch),
        ("embed_dim", vit.width),
        ("depth", vit.depth),
        ("num_heads", vit.heads),
        ("decoder_embed_dim", small.width),
        ("decoder_depth", small.depth),
        ("decoder_num_heads", small.heads),
    ]);
    let strict = if decoder { "" } else { ", strict=False" };
    format!(
        "from functools import partial

from models_mae import MaskedAutoencoderViT  # of github.com/facebookresearch/mae
from safetensors.torch import load_file
from torch.nn import LayerNorm

model = MaskedAutoencoderViT(
{sizes}    mlp_ratio=4,
    norm_layer=partial(LayerNorm, eps={EPSILON:e}),
)
model.load_state_dict(load_file({}){strict})
",
        quoted(file)
    )
}

fn hugging_face(decoder: bool) -> String {
    let note = if decoder { "ViTMAEForPreTraining loads the decoder, too" } else { "there is no decoder" };
    format!(
        "from transformers import ViTMAEConfig, ViTMAEModel

# The folder with model.safetensors and config.json; {note}.
folder = \".\"
config = ViTMAEConfig.from_pretrained(folder, layer_norm_eps={EPSILON:e}, mask_ratio=0.0)
model = ViTMAEModel.from_pretrained(folder, config=config)
"
    )
}

/// The features that the protocols here read: the mean of the patch tokens after the last norm.
fn features(format: Format) -> &'static str {
    match format {
        Format::Timm => "features = model.eval().forward_features(images)[:, 1:].mean(dim=1)",
        Format::Mae => "features = model.eval().forward_encoder(images, mask_ratio=0.0)[0][:, 1:].mean(dim=1)",
        Format::Huggingface => "features = model.eval()(images).last_hidden_state[:, 1:].mean(dim=1)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::samples::tiny;

    #[test]
    fn timm_gets_the_constructor_with_the_right_sizes() {
        insta::assert_snapshot!(snippet(&tiny(), Format::Timm, "a \"b\".safetensors", false), @r#"
        from functools import partial

        from safetensors.torch import load_file
        from timm.models.vision_transformer import VisionTransformer
        from torch.nn import LayerNorm

        model = VisionTransformer(
            img_size=8,
            patch_size=4,
            embed_dim=8,
            depth=1,
            num_heads=2,
            num_classes=0,
            class_token=True,
            global_pool="token",
            norm_layer=partial(LayerNorm, eps=1e-6),
        )
        model.load_state_dict(load_file("a \"b\".safetensors"))

        # images: [n, 3, 8, 8], normalised as in training
        features = model.eval().forward_features(images)[:, 1:].mean(dim=1)
        "#);
    }

    #[test]
    fn the_official_code_is_told_when_there_is_no_decoder() {
        assert!(snippet(&tiny(), Format::Mae, "m.safetensors", true).contains("load_file(\"m.safetensors\"))"));
        assert!(snippet(&tiny(), Format::Mae, "m.safetensors", false).contains("load_file(\"m.safetensors\"), strict=False)"));
    }

    #[test]
    fn hugging_face_gets_the_epsilon_that_is_not_its_default() {
        assert!(snippet(&tiny(), Format::Huggingface, "model.safetensors", true).contains("layer_norm_eps=1e-6"));
        let config = config_json(&tiny(), false);
        assert_eq!((&config["layer_norm_eps"], &config["architectures"][0]), (&json!(1e-6), &json!("ViTMAEModel")));
        assert_eq!((&config["decoder_intermediate_size"], &config["image_size"]), (&json!(16), &json!(8)));
    }
}
