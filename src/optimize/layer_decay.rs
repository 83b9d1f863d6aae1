//! Layer-wise decay of the learning rate: the nearer to the input, the slower (BEiT, MAE).

/// The learning rate of a layer is `factor^(layers above it)` of the schedule's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerDecay {
    /// The rate of each layer as a share of the rate of the layer above.
    pub factor: f64,
    /// Blocks of the encoder.
    pub depth: usize,
}

impl LayerDecay {
    /// What the rate of a parameter is multiplied by.
    ///
    /// Groups of MAE's `lr_decay.py`: class token, positions and patch embedding are layer 0, block `i` is layer `i + 1`, and all
    /// that comes after the blocks (norm, head) is layer `depth + 1`, which has the full rate.
    pub fn scale(&self, name: &str) -> f64 {
        let top = self.depth + 1;
        self.factor.powi((top - self.layer(name)) as i32)
    }

    fn layer(&self, name: &str) -> usize {
        if ["cls_token", "pos_embed", "patch_embed"].iter().any(|start| name.starts_with(start)) {
            return 0;
        }
        let block = name.strip_prefix("blocks.").and_then(|rest| rest.split('.').next()?.parse::<usize>().ok());
        block.map_or(self.depth + 1, |block| (block + 1).min(self.depth + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_has_the_layer_of_the_official_code() {
        let decay = LayerDecay { factor: 0.5, depth: 3 };
        let layers = [
            ("cls_token", 0),
            ("pos_embed_temporal", 0),
            ("patch_embed.proj.bias", 0),
            ("blocks.0.norm1.weight", 1),
            ("blocks.2.mlp.fc2.bias", 3),
            ("norm.weight", 4),
            ("fc_norm.bias", 4),
            ("head.weight", 4),
        ];
        for (name, layer) in layers {
            assert_eq!(decay.scale(name), 0.5f64.powi(4 - layer), "{name}");
        }
    }
}
