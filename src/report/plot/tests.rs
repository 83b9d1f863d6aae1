//! Every plot of a small experiment: the text of an SVG is the same on every machine, so it says whether a drawing has changed.

use super::super::config::Config as Report;
use super::super::sample::question_of;
use super::*;
use crate::event::Kind;
use crate::record::scripted::{Lab, started};
use crate::report::embedding::Features;
use crate::rng::Rng;
use crate::run_id::RunId;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Two methods, two mask ratios, two seeds.
fn question() -> Question {
    let mut cells = Vec::new();
    for (method, base) in [("vic_mae", 60.0), ("mae", 55.0)] {
        for (ratio, gain) in [(0.5, 0.0), (0.75, 4.0)] {
            for seed in 0..2 {
                let axes = json!({"method": method, "mask_ratio": ratio, "seed": seed});
                cells.push((axes, "pretrain", base + gain + f64::from(seed)));
            }
        }
    }
    question_of(&cells)
}

/// A sweep of `vic_mae` over mask ratio and weight, and `mae`, which has no weight; 2 seeds, `pretrain` and `knn`.
fn sweep() -> Question {
    let weights = [Some(0.01), Some(0.1), Some(1.0), None];
    let points = weights.iter().flat_map(|weight| [0.5, 0.75, 0.9].map(|ratio| (*weight, ratio)));
    let mut cells: Vec<(String, &str, Value)> = Vec::new();
    for (weight, ratio) in points {
        for seed in 0..2 {
            let mut axes = json!({"method": if weight.is_some() { "vic_mae" } else { "mae" }, "mask_ratio": ratio});
            weight.iter().for_each(|weight| axes["weight"] = json!(weight));
            axes["seed"] = json!(seed);
            for stage in ["pretrain", "knn"] {
                cells.push((format!("{axes} {stage}"), stage, axes.clone()));
            }
        }
    }
    let mut lab = Lab::new();
    let cards: Vec<_> = cells.iter().map(|(name, stage, axes)| (name.as_str(), *stage, axes.clone())).collect();
    lab.admit("sweep", &cards);
    for (n, (name, stage, axes)) in cells.iter().enumerate() {
        let mut rng = Rng::stream(n as u64 / 2, &[]);
        let measured = if *stage == "knn" { vec![accuracy(axes, &mut rng)] } else { training(axes, &mut rng) };
        let run = RunId::of(name.as_bytes());
        lab.say(run, 1, std::iter::once(started(0)).chain(measured).chain([Kind::Finished { seconds: 1.0 }]));
    }
    let question = Question::read(&lab.record, "sweep").unwrap();
    let wanted = [loss_parts::Config::default().curves(&question), collapse::Config::default().curves(&question)];
    let wanted =
        wanted.into_iter().flat_map(Result::unwrap).map(|quantity| (quantity.clone(), question.runs_of(&quantity.stage)));
    let wanted = wanted.collect();
    question.with_curves(&lab.record, wanted).unwrap()
}

fn accuracy(axes: &Value, rng: &mut Rng) -> Kind {
    let (ratio, weight) = (axes["mask_ratio"].as_f64().unwrap(), axes["weight"].as_f64());
    let top1 = 70.0 - 90.0 * (ratio - 0.7).powi(2) - 2.0 * (weight.unwrap_or(0.001).log10() + 1.0).powi(2);
    Kind::Measured { step: 1, values: BTreeMap::from([("top1".into(), top1 + 0.4 * rng.normal())]) }
}

fn training(axes: &Value, rng: &mut Rng) -> Vec<Kind> {
    let (ratio, weight) = (axes["mask_ratio"].as_f64().unwrap(), axes["weight"].as_f64());
    let at = |step: u64| {
        let rest = (-(step as f64) / 300.0).exp() * (1.0 + 0.05 * rng.normal());
        let (reconstruction, global) = (0.4 + 0.6 * rest, 2.0 + 6.0 * rest);
        let weighted = weight.map_or(0.0, |weight| weight * global);
        let mut values = BTreeMap::from([
            ("loss".into(), reconstruction + weighted),
            ("loss.reconstruction".into(), reconstruction),
            ("features.std".into(), 0.05 * (1.0 - rest / 2.0)),
            ("features.rankme".into(), 20.0 + 80.0 * (1.0 - rest)),
            ("features.uniformity".into(), -2.0 + rest),
            ("seconds".into(), step as f64 * (1.1 - ratio) * if weight.is_some() { 2.0 } else { 1.0 }),
        ]);
        if let Some(weight) = weight {
            values.extend([("loss.global".into(), global), ("weight.global".into(), weight)]);
            values.insert("features.alignment".into(), 0.2 + rest / 2.0);
        }
        Kind::Measured { step, values }
    };
    (0..=8).map(|n| n * 125).map(at).collect()
}

/// [`sweep`], whose `knn` runs kept features of three classes.
fn sweep_with_features() -> Question {
    let mut question = sweep();
    for (n, row) in question.rows.iter().enumerate().filter(|(_, row)| row.stage == "knn") {
        let mut rng = Rng::stream(n as u64, &[]);
        let labels: Vec<i64> = (0..45).map(|image| image % 3).collect();
        let value = |label: i64, at: i64| (if label == at { 3.0 } else { 0.0 } + 0.5 * rng.normal()) as f32;
        let places = labels.iter().flat_map(|label| (0..4).map(|at| (*label, at)));
        let values = places.map({
            let mut value = value;
            move |(label, at)| value(label, at)
        });
        question.features.insert(row.run.id, Features { width: 4, values: values.collect(), labels });
    }
    question
}

fn plot(yaml: &str) -> Config {
    let report = Report::read(&format!("report: {{ plots: [{yaml}] }}"), "x.yaml").unwrap().unwrap();
    report.plots.into_iter().next().unwrap()
}

fn drawn(yaml: &str, question: &Question) -> Drawn {
    let drawn = plot(yaml).draw(question).unwrap();
    assert_eq!(plot(yaml).draw(question).unwrap(), drawn);
    assert_eq!(&drawn.png[1..4], b"PNG");
    // The dark drawing differs in nothing but colours.
    let uncolored = |svg: &str| svg.split('#').map(|part| part.get(6..).unwrap_or(part).to_owned()).collect::<Vec<_>>();
    assert_eq!(uncolored(&drawn.svg)[1..], uncolored(&drawn.svg_dark)[1..]);
    assert!(drawn.svg.contains("#FFFFFF") && drawn.svg_dark.contains("#181A1E"));
    drawn
}

fn refused(yaml: &str, question: &Question) -> String {
    plot(yaml).draw(question).unwrap_err().to_string()
}

fn head(csv: &str, lines: usize) -> String {
    csv.lines().take(lines).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_line_plot() {
    let drawn = drawn("line: {x: mask_ratio, y: pretrain.top1, color: method}", &question());
    insta::assert_snapshot!("line", drawn.svg);
    insta::assert_snapshot!("line_hints", drawn.hints);
    insta::assert_snapshot!(drawn.csv, @"
    method,mask_ratio,mean,std,n
    vic_mae,0.5,60.5,0.7071067811865476,2
    vic_mae,0.75,64.5,0.7071067811865476,2
    mae,0.5,55.5,0.7071067811865476,2
    mae,0.75,59.5,0.7071067811865476,2
    ");
}

#[test]
fn texts_are_never_joined_by_a_line() {
    let drawn = drawn("line: {x: method, y: pretrain.top1, color: mask_ratio}", &question());
    insta::assert_snapshot!("line_over_text", drawn.svg);
    insta::assert_snapshot!(drawn.csv, @"
    mask_ratio,method,mean,std,n
    0.5,vic_mae,60.5,0.7071067811865476,2
    0.5,mae,55.5,0.7071067811865476,2
    0.75,vic_mae,64.5,0.7071067811865476,2
    0.75,mae,59.5,0.7071067811865476,2
    ");
}

#[test]
fn bars() {
    let drawn = drawn("bars: {x: method, y: pretrain.top1, color: mask_ratio, from: 40}", &question());
    insta::assert_snapshot!("bars", drawn.svg);
    insta::assert_snapshot!("bars_hints", drawn.hints);
    insta::assert_snapshot!(drawn.csv, @"
    method,mask_ratio,seed,value,mean,low,high
    vic_mae,0.5,0,60,60.5,54.14689763191266,66.85310236808735
    vic_mae,0.5,1,61,60.5,54.14689763191266,66.85310236808735
    vic_mae,0.75,0,64,64.5,58.14689763191266,70.85310236808735
    vic_mae,0.75,1,65,64.5,58.14689763191266,70.85310236808735
    mae,0.5,0,55,55.5,49.14689763191266,61.85310236808734
    mae,0.5,1,56,55.5,49.14689763191266,61.85310236808734
    mae,0.75,0,59,59.5,53.14689763191266,65.85310236808735
    mae,0.75,1,60,59.5,53.14689763191266,65.85310236808735
    ");
    assert!(
        self::drawn("bars: {x: mask_ratio, y: pretrain.top1, filter: \"method == 'mae'\"}", &question())
            .svg
            .contains("bars begin at 0")
    );
    insta::assert_snapshot!(refused("bars: {x: methods, y: pretrain.top1}", &question()), @"
    `methods` is no axis of `small`
    hint: did you mean `method`?
    hint: axes: method, mask_ratio
    ");
    insta::assert_snapshot!(refused("bars: {x: method, y: pretrain.top1, color: mask_ratio, from: 90}", &question()), @"
    `from` is 90, and no run has more than that
    hint: leave `from` out: bars begin at 0 then
    ");
}

#[test]
fn seeds() {
    let drawn = drawn("seeds: {x: mask_ratio, y: pretrain.top1, color: method}", &question());
    insta::assert_snapshot!("seeds", drawn.svg);
    insta::assert_snapshot!(drawn.csv, @"
    mask_ratio,method,seed,value,mean,low,high
    0.5,vic_mae,0,60,60.5,54.14689763191266,66.85310236808735
    0.5,vic_mae,1,61,60.5,54.14689763191266,66.85310236808735
    0.5,mae,0,55,55.5,49.14689763191266,61.85310236808734
    0.5,mae,1,56,55.5,49.14689763191266,61.85310236808734
    0.75,vic_mae,0,64,64.5,58.14689763191266,70.85310236808735
    0.75,vic_mae,1,65,64.5,58.14689763191266,70.85310236808735
    0.75,mae,0,59,59.5,53.14689763191266,65.85310236808735
    0.75,mae,1,60,59.5,53.14689763191266,65.85310236808735
    ");
    insta::assert_snapshot!(refused("seeds: {x: seed, y: pretrain.top1}", &question()), @"
    `seed` is no axis of `small`
    hint: seeds are what means and deviations are made over
    ");
}

#[test]
fn a_heat_map() {
    let drawn = drawn("heatmap: {x: mask_ratio, y: method, value: pretrain.top1}", &question());
    insta::assert_snapshot!("heatmap", drawn.svg);
    insta::assert_snapshot!("heatmap_hints", drawn.hints);
    insta::assert_snapshot!(drawn.csv, @"
    mask_ratio,method,mean,std,n
    0.5,vic_mae,60.5,0.7071067811865476,2
    0.75,vic_mae,64.5,0.7071067811865476,2
    0.5,mae,55.5,0.7071067811865476,2
    0.75,mae,59.5,0.7071067811865476,2
    ");
    insta::assert_snapshot!(refused("heatmap: {x: mask_ratio, y: metod, value: pretrain.top1}", &question()), @"
    `metod` is no axis of `small`
    hint: did you mean `method`?
    hint: axes: method, mask_ratio
    ");
}

#[test]
fn a_cell_of_a_heat_map_says_that_a_seed_was_pruned() {
    let mut question = question();
    question.rows[0].values.clear();
    question.rows[0].pruned = true;
    let drawn = drawn("heatmap: {x: mask_ratio, y: method, value: pretrain.top1}", &question);
    assert_eq!(head(&drawn.csv, 2), "mask_ratio,method,mean,std,n\n0.5,vic_mae,pruned,,0");
    assert!(drawn.svg.contains("pruned") && drawn.hints.contains("pruned"));
}

/// Lines of the first colour in a plot of a number of series.
fn lines_of_the_first_color(series: usize) -> usize {
    let places = (0..series).flat_map(|name| [0.5, 0.75].map(|ratio| (name, ratio)));
    let cells: Vec<_> = places
        .map(|(name, ratio)| {
            (json!({"method": format!("m{name}"), "mask_ratio": ratio, "seed": 0}), "pretrain", 50.0 + name as f64)
        })
        .collect();
    let drawn = drawn("line: {x: mask_ratio, y: pretrain.top1, color: method}", &question_of(&cells));
    drawn.svg.lines().filter(|line| line.starts_with("<polyline") && line.contains("stroke=\"#0072B2\"")).count()
}

#[test]
fn a_series_of_a_color_that_another_has_is_dashed() {
    // The line and its key in the legend.
    assert_eq!(lines_of_the_first_color(8), 2);
    assert!(lines_of_the_first_color(9) > 2 + 10);
}

#[test]
fn contours_of_a_heat_map() {
    let drawn = drawn("heatmap: {x: weight, y: mask_ratio, value: knn.top1, contour: true}", &sweep());
    insta::assert_snapshot!("contours", drawn.svg);
    insta::assert_snapshot!(refused("heatmap: {x: mask_ratio, y: method, value: pretrain.top1, contour: true}", &question()), @"
    `contour` needs numbers: `mask_ratio` or `method` is text
    hint: nothing lies between two texts: leave `contour` out
    ");
}

#[test]
fn curves_of_training() {
    let drawn = drawn("curves: {metric: loss, color: method}", &question());
    insta::assert_snapshot!("curves", drawn.svg);
    insta::assert_snapshot!(drawn.csv, @"
    method,line,step,mean,std,n
    vic_mae,mask_ratio=0.5,10,0.605,0.007071067811865481,2
    vic_mae,mask_ratio=0.5,20,0.605,0.007071067811865481,2
    vic_mae,mask_ratio=0.75,10,0.645,0.007071067811865481,2
    vic_mae,mask_ratio=0.75,20,0.645,0.007071067811865481,2
    mae,mask_ratio=0.5,10,0.555,0.007071067811865481,2
    mae,mask_ratio=0.5,20,0.555,0.007071067811865481,2
    mae,mask_ratio=0.75,10,0.595,0.007071067811865481,2
    mae,mask_ratio=0.75,20,0.595,0.007071067811865481,2
    ");
    insta::assert_snapshot!(refused("curves: {metric: loss, color: mehtod}", &question()), @"
    `mehtod` is no axis of `small`
    hint: did you mean `method`?
    hint: axes: method, mask_ratio
    ");
}

#[test]
fn smooth_curves_on_a_logarithmic_axis() {
    let drawn = drawn("curves: {metric: loss, color: weight, smooth: 0.6, log: true, filter: 'mask_ratio == 0.75'}", &sweep());
    insta::assert_snapshot!("curves_smooth", drawn.svg);
    insta::assert_snapshot!(head(&drawn.csv, 4), @"
    weight,line,step,mean,std,n,smooth
    0.01,method=vic_mae,0,1.0608449138665432,0.0031903724457513854,2,1.0608449138665432
    0.01,method=vic_mae,125,0.8697767411956608,0.042509759522292745,2,0.9414273059472417
    0.01,method=vic_mae,250,0.7215249203204084,0.02499900698532615,2,0.8292322112396737
    ");
    insta::assert_snapshot!(refused("curves: {metric: loss, smooth: 1.0}", &question()), @"
    `smooth` is 1; it must be at least 0 and below 1
    hint: 0 is the line as it was measured; 0.9 is smooth
    ");
}

#[test]
fn parts_of_the_loss() {
    let drawn = drawn("loss_parts: {filter: 'weight == 0.1 and mask_ratio == 0.75'}", &sweep());
    insta::assert_snapshot!("loss_parts", drawn.svg);
    insta::assert_snapshot!(head(&drawn.csv, 3), @"
    part,step,mean,std,n
    total,0,1.7189373516562036,0.040668599310317945,2
    total,125,1.4042717700121337,0.00500323299111718,2
    ");
    let unweighted = self::drawn("loss_parts: {log: true, filter: \"method == 'mae' and mask_ratio == 0.75\"}", &sweep());
    assert!(!unweighted.csv.contains("global") && unweighted.csv.contains("reconstruction"));
    insta::assert_snapshot!(refused("loss_parts: {filter: 'weight == 0.1'}", &sweep()), @r#"
    `mask_ratio` varies (0.5, 0.75, 0.9) where all of it would be averaged
    hint: only seeds are averaged: add `mask_ratio` to rows or columns (or x, y, color), or `filter: "mask_ratio == 0.5"`
    "#);
}

#[test]
fn signs_of_collapse() {
    let drawn = drawn("collapse: {color: weight, filter: 'mask_ratio == 0.75'}", &sweep());
    insta::assert_snapshot!("collapse", drawn.svg);
    insta::assert_snapshot!(head(&drawn.csv, 3), @"
    metric,weight,line,step,mean,std,n
    features.std,0.01,method=vic_mae,0,0.02572557144444912,0.0001208474411269429,2
    features.std,0.01,method=vic_mae,125,0.03296300222743709,0.0016102181637232098,2
    ");
    // `mae` has no pairs whose alignment could be measured.
    let three = self::drawn("collapse: {filter: \"method == 'mae' and mask_ratio == 0.75\"}", &sweep());
    assert!(three.csv.contains("features.uniformity") && !three.csv.contains("features.alignment"));
    insta::assert_snapshot!(refused("collapse: {color: wieght}", &sweep()), @"
    `wieght` is no axis of `sweep`
    hint: did you mean `weight`?
    hint: axes: method, mask_ratio, weight
    ");
}

#[test]
fn the_frontier_of_cost() {
    let drawn = drawn("frontier: {x: pretrain.seconds, y: knn.top1, label: weight, color: method}", &sweep());
    insta::assert_snapshot!("frontier", drawn.svg);
    insta::assert_snapshot!("frontier_hints", drawn.hints);
    insta::assert_snapshot!(drawn.csv, @"
    method,mask_ratio,weight,pretrain.seconds,pretrain.seconds.std,knn.top1,knn.top1.std,n,best
    mae,0.9,–,200.00000000000006,0,58.7210252037049,0.2725175909818503,2,true
    mae,0.75,–,350.0000000000001,0,62.07091904791547,0.41899005279913615,2,true
    vic_mae,0.9,0.1,400.0000000000001,0,66.33858314442514,0.10814439971888685,2,true
    vic_mae,0.9,0.01,400.0000000000001,0,64.5088841620584,0.10034671531302101,2,false
    vic_mae,0.9,1.0,400.0000000000001,0,64.26564539073362,0.5743905023699788,2,false
    mae,0.5,–,600.0000000000001,0,58.88796107879235,0.6169610753807385,2,false
    vic_mae,0.75,0.1,700.0000000000002,0,69.2345823443747,0.2711239954021178,2,true
    vic_mae,0.75,1.0,700.0000000000002,0,67.65619457279433,0.3825298246023306,2,false
    vic_mae,0.75,0.01,700.0000000000002,0,67.54281713777628,0.038671181160620946,2,false
    vic_mae,0.5,0.1,1200.0000000000002,0,66.52079800173692,0.5494612638714086,2,false
    vic_mae,0.5,1.0,1200.0000000000002,0,64.48782511976904,0.04415931776314567,2,false
    vic_mae,0.5,0.01,1200.0000000000002,0,64.40433561441932,0.08983267432835368,2,false
    ");
    // A cost that does not depend on an axis is the cost of all its values.
    let cells = [
        (json!({"method": "a", "seed": 0}), "pretrain", 10.0),
        (json!({"method": "b", "seed": 0}), "pretrain", 20.0),
        (json!({"method": "b", "seed": 1}), "pretrain", 90.0),
        (json!({"method": "a", "shots": 1, "seed": 0}), "knn", 50.0),
        (json!({"method": "a", "shots": 5, "seed": 0}), "knn", 60.0),
        (json!({"method": "b", "shots": 1, "seed": 0}), "knn", 70.0),
    ];
    insta::assert_snapshot!(self::drawn("frontier: {x: pretrain.top1, y: knn.top1}", &question_of(&cells)).csv, @"
    method,shots,pretrain.top1,pretrain.top1.std,knn.top1,knn.top1.std,n,best
    a,5,10,,60,,1,true
    a,1,10,,50,,1,false
    b,1,20,,70,,1,true
    ");
    insta::assert_snapshot!(refused("frontier: {x: pretrain.seconds, y: knn.top1, label: size}", &sweep()), @"
    `size` is no axis of `sweep`
    hint: axes: method, mask_ratio, weight
    ");
    insta::assert_snapshot!(refused("frontier: {x: pretrain.hours, y: knn.top1}", &sweep()), @"
    no run of stage `pretrain` measured `hours`
    hint: measured there: features.alignment, features.rankme, features.std, features.uniformity, loss, loss.global, loss.reconstruction, seconds, weight.global
    ");
}

#[test]
fn a_sweep_over_many_axes() {
    let drawn = drawn("parallel: {value: knn.top1}", &sweep());
    insta::assert_snapshot!("parallel", drawn.svg);
    insta::assert_snapshot!(head(&drawn.csv, 4), @"
    method,mask_ratio,weight,mean,std,n
    mae,0.9,,58.7210252037049,0.2725175909818503,2
    mae,0.5,,58.88796107879235,0.6169610753807385,2
    mae,0.75,,62.07091904791547,0.41899005279913615,2
    ");
    insta::assert_snapshot!(refused("parallel: {value: knn.top1, axes: [method, sice]}", &sweep()), @"
    `sice` is no axis of `sweep`
    hint: axes: method, mask_ratio, weight
    ");
    insta::assert_snapshot!(refused("parallel: {value: knn.top1, filter: 'weight == 0.1 and mask_ratio == 0.5'}", &sweep()), @"
    no axis of `sweep` varies: there is nothing to draw in parallel
    hint: a `filter` may have left one value of each
    ");
}

#[test]
fn features_in_two_dimensions() {
    let question = sweep_with_features();
    let config = "embedding: {stage: knn, filter: 'weight == 0.1 or weight == 1'}";
    let drawn = drawn(config, &question);
    insta::assert_snapshot!("embedding", drawn.svg);
    assert_eq!(plot(config).features(&question).unwrap().len(), 6);
    assert_eq!(drawn.csv.lines().next(), Some("run,x,y,class"));
    assert_eq!(drawn.csv.lines().count(), 1 + 6 * 45);
    assert_eq!(drawn.csv.lines().filter(|line| line.starts_with("\"0.5, 0.1, seed 0\",")).count(), 45);
    let nothing = self::drawn("embedding: {stage: knn, method: tsne}", &sweep());
    assert!(nothing.svg.contains("no run kept its features"));
    insta::assert_snapshot!(refused("embedding: {stage: nkn}", &question), @"
    `nkn` is no stage of `sweep`
    hint: stages: pretrain, knn
    ");
}

#[test]
fn a_long_value_leaves_room_for_the_plot() {
    let long = ["runs/of/yesterday/".repeat(8), "m".repeat(60), "模型".repeat(30)];
    let places = long.iter().flat_map(|name| [0.5, 0.75].map(|ratio| (name, ratio)));
    let cells: Vec<_> =
        places.map(|(name, ratio)| (json!({"method": name, "mask_ratio": ratio, "seed": 0}), "pretrain", 50.0 + ratio)).collect();
    let question = question_of(&cells);
    for plot in [
        "bars: {x: method, y: pretrain.top1, color: mask_ratio}",
        "bars: {x: mask_ratio, y: pretrain.top1, color: method}",
        "seeds: {x: method, y: pretrain.top1, color: mask_ratio}",
        "line: {x: method, y: pretrain.top1, color: mask_ratio}",
        "heatmap: {x: method, y: mask_ratio, value: pretrain.top1}",
        "heatmap: {x: mask_ratio, y: method, value: pretrain.top1}",
        "frontier: {x: pretrain.loss, y: pretrain.top1, label: method}",
        "parallel: {value: pretrain.top1}",
    ] {
        assert!(drawn(plot, &question).svg.contains('…'), "{plot}");
    }
}

#[test]
fn a_control_character_in_a_value_costs_no_plot() {
    let cells =
        [(json!({"method": "a\u{1}", "seed": 0}), "pretrain", 50.0), (json!({"method": "b", "seed": 0}), "pretrain", 60.0)];
    let drawn = drawn("bars: {x: method, y: pretrain.top1}", &question_of(&cells));
    assert!(drawn.svg.contains("aU+0001") && !drawn.svg.contains('\u{1}'));
}

#[test]
fn values_that_the_font_cannot_write_differ_in_pixels_too() {
    let of = |name: &str| {
        let cells = [(json!({"method": name, "seed": 0}), "pretrain", 50.0)];
        drawn("bars: {x: method, y: pretrain.top1}", &question_of(&cells))
    };
    let (first, second) = (of("模型一"), of("模型二"));
    assert!(first.svg.contains("模型一") && !first.svg.contains("U+"));
    assert_ne!(first.png, second.png);
}

#[test]
fn what_is_no_number_is_not_drawn() {
    let cells = [("a", 50.0), ("b", f64::NAN)].map(|(method, top1)| (json!({"method": method, "seed": 0}), "pretrain", top1));
    let question = question_of(&cells);
    assert_eq!(drawn("frontier: {x: pretrain.loss, y: pretrain.top1}", &question).csv.lines().count(), 2);
    // The ground and one bar.
    assert_eq!(drawn("bars: {x: method, y: pretrain.top1}", &question).svg.matches("<rect").count(), 2);
    let seeds = drawn("seeds: {x: method, y: pretrain.top1}", &question).svg;
    assert!(!seeds.lines().any(|line| line.starts_with("<polyline") && line.contains(",0 ")), "{seeds}");
}

#[test]
fn a_value_of_two_lines_breaks_no_csv() {
    let mut question = sweep();
    question.rows.iter_mut().for_each(|row| drop(row.axes.insert("method".into(), json!("one\ntwo"))));
    let drawn = drawn("collapse: {color: method, filter: 'weight == 0.1'}", &question);
    let mut records = csv::Reader::from_reader(drawn.csv.as_bytes());
    assert!(records.records().all(|record| record.is_ok_and(|record| &record[1] == "one\ntwo")));
}

#[test]
fn numbers_at_axes_are_short_however_large_they_are() {
    let values = [1e300, 2e300, 4e300].into_iter().enumerate();
    let cells: Vec<_> = values.map(|(n, value)| (json!({"method": format!("m{n}"), "seed": 0}), "pretrain", value)).collect();
    for kind in ["bars", "seeds", "line"] {
        let svg = drawn(&format!("{kind}: {{x: method, y: pretrain.loss}}"), &question_of(&cells)).svg;
        assert!(svg.contains("e298") && !svg.contains("00000000"), "{kind}: {svg}");
    }
}

#[test]
fn a_plot_that_would_average_more_than_seeds_is_refused() {
    for kind in ["line", "bars", "seeds"] {
        let config = format!("{kind}: {{x: mask_ratio, y: pretrain.top1}}");
        let error = refused(&config, &question());
        assert!(error.starts_with("`method` varies (vic_mae, mae) where [mask_ratio=0.5] would be averaged"), "{error}");
    }
}
