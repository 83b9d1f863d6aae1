//! What the record holds, for other programs: one file and one line in the list below for each format.

mod csv;
mod mlflow;
mod parquet;
mod points;
mod tensorboard;
mod wide;

use crate::record::{Attempt, Record};
use crate::report::Question;
use crate::report::question::Row;
use crate::run_id::RunId;
use anyhow::{Context, Result};
use clap::ValueEnum;
use indexmap::IndexMap;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// An experiment to be written down.
struct Source<'a> {
    record: &'a Record,
    results: &'a Path,
    question: Question,
    attempts: BTreeMap<RunId, Attempt>,
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Runs.
    pub runs: usize,
    /// Numbers of their curves.
    pub points: usize,
}

macro_rules! formats {
    ($($module:ident => $name:ident, $doc:literal, $open:literal;)*) => {
        /// A format that other programs read.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
        pub enum Format {
            $(#[doc = $doc] $name,)*
        }

        impl Format {
            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Format::$name => stringify!($module),)*
                }
            }

            /// How to open what was written; `OUT` stands for the folder.
            pub fn opened_by(self) -> &'static str {
                match self {
                    $(Format::$name => $open,)*
                }
            }

            fn write(self, source: &Source<'_>, out: &Path) -> Result<Written> {
                match self {
                    $(Format::$name => $module::write(source, out),)*
                }
            }
        }
    };
}

formats! {
    csv => Csv, "metrics.csv (a line a number) and runs.csv (a line a run)", "python3 -c \"import polars; print(polars.read_csv('OUT/runs.csv'))\"";
    parquet => Parquet, "The same two tables as Parquet, with types", "python3 -c \"import polars; print(polars.read_parquet('OUT/runs.parquet'))\"";
    tensorboard => Tensorboard, "Event files, a folder a run", "tensorboard --logdir OUT";
    mlflow => Mlflow, "A file store that MLflow migrates", "mlflow migrate-filestore --source OUT/mlruns --target sqlite:///mlflow.db && mlflow server --backend-store-uri sqlite:///mlflow.db";
}

/// Writes an experiment to the folder `out`, which is made where there is none. Files of an earlier export are written over.
///
/// # Errors
/// A [`crate::failure::Failure`] when the record knows no experiment of that name; another error when the disk refuses.
pub fn write(record: &Record, experiment: &str, format: Format, results: &Path, out: &Path) -> Result<Written> {
    let question = Question::read_with_facts(record, experiment, results)?;
    let attempts = record.last_attempts(experiment)?;
    fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
    format.write(&Source { record, results, question, attempts }, out)
}

impl Source<'_> {
    /// Each run once, with the first cell that it answers.
    fn rows(&self) -> impl Iterator<Item = &Row> {
        let rows: IndexMap<RunId, &Row> = self.question.rows.iter().rev().map(|row| (row.run.id, row)).collect();
        let mut rows: Vec<&Row> = rows.into_values().collect();
        rows.reverse();
        rows.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Cause, Kind, Metric};
    use crate::record::scripted;
    use crate::record::scripted::{Lab, started};
    use serde_json::json;

    fn lab() -> Lab {
        let mut lab = Lab::new();
        let axes = |method: &str| json!({"method": method, "mask_ratio": 0.5, "seed": 1});
        lab.admit("x", &[("one, \"quoted\"", "pretrain", axes("mae")), ("two", "pretrain", axes("vic_mae"))]);
        let run = RunId::of(b"one, \"quoted\"");
        let values = |loss: f64| BTreeMap::from([(Metric::new("loss"), loss), (Metric::new("top1"), 10.0 * loss)]);
        let measured = |step: u64| Kind::Measured { step, values: values(1.0 / (step as f64 + 1.0)) };
        lab.say(run, 1, [started(0), measured(0), measured(2), Kind::Finished { seconds: 2.5 }]);
        let failed = Kind::Failed { cause: Cause::NonFinite, error: "loss is not finite".into() };
        let two = RunId::of(b"two");
        lab.say(two, 1, [started(0), scripted::measured(1, f64::NAN), scripted::measured(2, 1e-7), failed]);
        lab
    }

    fn export(format: Format) -> (tempfile::TempDir, Written) {
        let (lab, out) = (lab(), tempfile::tempdir().unwrap());
        let written = write(&lab.record, "x", format, lab.results(), out.path()).unwrap();
        (out, written)
    }

    #[test]
    fn csv_is_long_and_wide() {
        let (out, written) = export(Format::Csv);
        assert_eq!(written, Written { runs: 2, points: 6 });
        insta::assert_snapshot!(fs::read_to_string(out.path().join("metrics.csv")).unwrap(), @r#"
        run,name,stage,seed,method,mask_ratio,metric,step,value,time
        d495c181d9d25fe0c8b3a453641e1a79,"one, ""quoted""",pretrain,1,mae,0.5,loss,0,1,1970-01-01T00:00:00Z
        d495c181d9d25fe0c8b3a453641e1a79,"one, ""quoted""",pretrain,1,mae,0.5,loss,2,0.3333333333333333,1970-01-01T00:00:00Z
        d495c181d9d25fe0c8b3a453641e1a79,"one, ""quoted""",pretrain,1,mae,0.5,top1,0,10,1970-01-01T00:00:00Z
        d495c181d9d25fe0c8b3a453641e1a79,"one, ""quoted""",pretrain,1,mae,0.5,top1,2,3.333333333333333,1970-01-01T00:00:00Z
        dc770fff53f50835f8cc957e01c0d573,two,pretrain,1,vic_mae,0.5,loss,1,NaN,1970-01-01T00:00:00Z
        dc770fff53f50835f8cc957e01c0d573,two,pretrain,1,vic_mae,0.5,loss,2,0.0000001,1970-01-01T00:00:00Z
        "#);
        insta::assert_snapshot!(fs::read_to_string(out.path().join("runs.csv")).unwrap(), @r#"
        run,name,stage,state,seed,method,mask_ratio,device,host,started_at,ended_at,seconds,commit,program,config,metric.loss,metric.seconds,metric.top1
        d495c181d9d25fe0c8b3a453641e1a79,"one, ""quoted""",pretrain,done,1,mae,0.5,cpu,lab1,1970-01-01T00:00:00Z,1970-01-01T00:00:00Z,2.5,,,{},0.3333333333333333,2.5,3.333333333333333
        dc770fff53f50835f8cc957e01c0d573,two,pretrain,failed,1,vic_mae,0.5,cpu,lab1,1970-01-01T00:00:00Z,1970-01-01T00:00:00Z,,,,{},,,
        "#);
    }

    #[test]
    fn parquet_keeps_types() {
        use arrow_array::Array;
        use arrow_array::cast::AsArray;
        use arrow_array::types::{Float64Type, Int64Type};
        let (out, _) = export(Format::Parquet);
        let file = fs::File::open(out.path().join("metrics.parquet")).unwrap();
        let reader = ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        let batches: Vec<_> = reader.map(Result::unwrap).collect();
        let column = |name: &str| batches[0].column_by_name(name).unwrap().clone();
        assert_eq!(column("step").as_primitive::<Int64Type>().values(), &[0, 2, 0, 2, 1, 2]);
        let values = column("value").as_primitive::<Float64Type>().clone();
        assert!(values.value(1) == 1.0 / 3.0 && values.value(4).is_nan() && values.null_count() == 0);
        assert_eq!(column("seed").as_primitive::<Int64Type>().value(0), 1);
        assert_eq!(column("mask_ratio").as_primitive::<Float64Type>().value(0), 0.5);
        assert_eq!(column("method").as_string::<i32>().value(0), "mae");
    }

    /// One run with axes that are called like columns, whose last loss is NaN and whose last top-1 is infinite.
    fn clashing(format: Format) -> (tempfile::TempDir, RunId) {
        let (mut lab, out, run) = (Lab::new(), tempfile::tempdir().unwrap(), RunId::of(b"one"));
        lab.admit("x", &[("one", "pretrain", json!({"seconds": 7, "step": 8, "lr": 9, "name": "a", "seed": 1}))]);
        let values = BTreeMap::from([(Metric::new("loss"), f64::NAN), (Metric::new("top1"), f64::INFINITY)]);
        lab.say(run, 1, [started(0), Kind::Measured { step: 1, values }, Kind::Finished { seconds: 2.5 }]);
        write(&lab.record, "x", format, lab.results(), out.path()).unwrap();
        (out, run)
    }

    #[test]
    fn an_axis_hides_no_column_and_what_is_no_number_is_written() {
        let (out, run) = clashing(Format::Csv);
        let read = |name: &str| fs::read_to_string(out.path().join(name)).unwrap();
        let at = "1970-01-01T00:00:00Z";
        let heads = "run,name,stage,state,seed,axis.seconds,axis.step,lr,axis.name,device,host,started_at,ended_at,seconds";
        let rest = "commit,program,config,metric.loss,metric.seconds,metric.top1";
        let line = format!("{run},one,pretrain,done,1,7,8,9,a,cpu,lab1,{at},{at},2.5,,,{{}},NaN,2.5,inf");
        assert_eq!(read("runs.csv"), format!("{heads},{rest}\n{line}\n"));
        let heads = "run,name,stage,seed,axis.seconds,axis.step,lr,axis.name,metric,step,value,time";
        let line = |metric: &str, value: &str| format!("{run},one,pretrain,1,7,8,9,a,{metric},1,{value},{at}\n");
        assert_eq!(read("metrics.csv"), format!("{heads}\n{}{}", line("loss", "NaN"), line("top1", "inf")));
    }

    #[test]
    fn in_parquet_what_is_no_number_is_a_double() {
        use arrow_array::Array;
        use arrow_array::cast::AsArray;
        use arrow_array::types::{Float64Type, Int64Type};
        let (out, _) = clashing(Format::Parquet);
        let file = fs::File::open(out.path().join("runs.parquet")).unwrap();
        let reader = ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
        let batches: Vec<_> = reader.map(Result::unwrap).collect();
        let double = |name: &str| batches[0].column_by_name(name).unwrap().as_primitive::<Float64Type>().clone();
        let loss = double("metric.loss");
        assert!(loss.null_count() == 0 && loss.value(0).is_nan());
        assert_eq!((double("metric.top1").value(0), double("seconds").value(0)), (f64::INFINITY, 2.5));
        assert_eq!(batches[0].column_by_name("axis.seconds").unwrap().as_primitive::<Int64Type>().value(0), 7);
    }

    #[test]
    fn mlflow_gets_its_folders() {
        let (out, _) = export(Format::Mlflow);
        let run = out.path().join("mlruns").join(mlflow::number("x").to_string()).join(RunId::of(b"one, \"quoted\"").to_string());
        let files = walkdir::WalkDir::new(&run).sort_by_file_name().into_iter().map(|entry| entry.unwrap());
        let files: Vec<String> = files
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| entry.path().strip_prefix(&run).unwrap().display().to_string())
            .collect();
        insta::assert_snapshot!(files.join("\n"), @"
        meta.yaml
        metrics/loss
        metrics/top1
        params/config
        params/mask_ratio
        params/method
        params/seed
        tags/mlflow.runName
        tags/vicmae.device
        tags/vicmae.experiment
        tags/vicmae.host
        tags/vicmae.stage
        ");
        let loss = fs::read_to_string(run.join("metrics/loss")).unwrap();
        assert!(loss.lines().next().unwrap().ends_with(" 1 0") && loss.lines().count() == 2, "{loss}");
    }
}
