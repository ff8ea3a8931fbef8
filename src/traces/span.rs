//! One span, and the context that its children get.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use opentelemetry::trace::{
    Link, Span as _, SpanBuilder, SpanContext, SpanId, SpanKind as OtelSpanKind, Status,
    TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
};
use opentelemetry::{Context, KeyValue};

use super::tracer;
use crate::domain::trace_context::TraceContext;

/// Maximum length of the text of an attribute or an error, in characters.
const MAX_TEXT: usize = 1024;

/// What a span describes, as `OpenTelemetry` distinguishes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// The answer to a request.
    Server,
    /// A request to another service.
    Client,
    /// The sending of messages.
    Producer,
    /// The processing of a message.
    Consumer,
    /// Work within a process.
    Internal,
}

/// A span that is about to begin.
#[derive(Debug)]
pub struct SpanStart<'a> {
    /// What it describes.
    pub kind: SpanKind,
    /// Its name, one of few.
    pub name: Cow<'static, str>,
    /// The span that causes it; it begins a trace if there is none.
    pub parent: Option<&'a TraceContext>,
    /// Other spans that are related to it.
    pub links: &'a [TraceContext],
}

/// A span that ends when it is dropped.
///
/// Without an export, or if the sampler does not select its trace, it records nothing and only passes on the context.
#[derive(Debug)]
pub struct Span {
    recorded: Option<opentelemetry_sdk::trace::Span>,
    context: Option<TraceContext>,
    is_own: bool,
}

impl SpanStart<'_> {
    /// Begins the span.
    pub fn begin(self) -> Span {
        let Some(tracer) = tracer() else {
            return Span::none(self.parent.cloned());
        };
        let parent = match self.parent {
            Some(parent) => Context::new().with_remote_span_context(span_context(parent)),
            None => Context::new(),
        };
        let links = self.links.iter().map(span_context);
        let builder = SpanBuilder {
            span_kind: Some(span_kind(self.kind)),
            name: self.name,
            links: Some(links.map(Link::with_context).collect()),
            ..SpanBuilder::default()
        };
        let span = tracer.build_with_context(builder, &parent);
        let state = self.parent.and_then(TraceContext::shared_state);
        Span {
            context: context(span.span_context(), state),
            recorded: span.is_recording().then_some(span),
            is_own: true,
        }
    }
}

impl Span {
    /// Begins a span without links.
    pub fn begin(
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
        parent: Option<&TraceContext>,
    ) -> Self {
        SpanStart {
            kind,
            name: name.into(),
            parent,
            links: &[],
        }
        .begin()
    }

    /// No span: only the context is passed on.
    pub fn none(context: Option<TraceContext>) -> Self {
        Self {
            recorded: None,
            context,
            is_own: false,
        }
    }

    /// The context for what the span causes: its own, or without an export that of its parent.
    pub fn context(&self) -> Option<&TraceContext> {
        self.context.as_ref()
    }

    /// Whether attributes are recorded.
    pub fn is_recording(&self) -> bool {
        self.recorded.is_some()
    }

    /// The id of the trace, for log lines.
    pub fn trace_id(&self) -> Option<String> {
        self.context.as_ref().map(TraceContext::trace_id_text)
    }

    /// The id of this span, for log lines; `None` without an export.
    pub fn span_id(&self) -> Option<String> {
        let own = self.context.as_ref().filter(|_| self.is_own);
        own.map(TraceContext::span_id_text)
    }

    /// Sets an attribute to a text, which is cut after 1,024 characters.
    pub fn text(&mut self, name: &'static str, value: impl Display) {
        if let Some(span) = &mut self.recorded {
            span.set_attribute(KeyValue::new(name, cut(value)));
        }
    }

    /// Sets an attribute to a number.
    pub fn number(&mut self, name: &'static str, value: impl Into<i64>) {
        if let Some(span) = &mut self.recorded {
            span.set_attribute(KeyValue::new(name, value.into()));
        }
    }

    /// Changes the name.
    pub fn rename(&mut self, name: impl FnOnce() -> String) {
        if let Some(span) = &mut self.recorded {
            span.update_name(name());
        }
    }

    /// Sets the status to an error: `kind` is one of few, and `description` is for people.
    pub fn fail(&mut self, kind: impl Display, description: impl Display) {
        if let Some(span) = &mut self.recorded {
            span.set_attribute(KeyValue::new("error.type", cut(kind)));
            span.set_status(Status::error(cut(description)));
        }
    }
}

fn cut(value: impl Display) -> String {
    let mut text = value.to_string();
    if let Some((end, _)) = text.char_indices().nth(MAX_TEXT) {
        text.truncate(end);
    }
    text
}

fn span_kind(kind: SpanKind) -> OtelSpanKind {
    match kind {
        SpanKind::Server => OtelSpanKind::Server,
        SpanKind::Client => OtelSpanKind::Client,
        SpanKind::Producer => OtelSpanKind::Producer,
        SpanKind::Consumer => OtelSpanKind::Consumer,
        SpanKind::Internal => OtelSpanKind::Internal,
    }
}

fn span_context(context: &TraceContext) -> SpanContext {
    let state = context.state().and_then(|it| TraceState::from_str(it).ok());
    SpanContext::new(
        TraceId::from_bytes(context.trace_id().to_be_bytes()),
        SpanId::from_bytes(context.span_id().to_be_bytes()),
        TraceFlags::new(context.flags()),
        true,
        state.unwrap_or_default(),
    )
}

fn context(own: &SpanContext, state: Option<Arc<str>>) -> Option<TraceContext> {
    TraceContext::new(
        u128::from_be_bytes(own.trace_id().to_bytes()),
        u64::from_be_bytes(own.span_id().to_bytes()),
        own.trace_flags().to_u8(),
        state,
    )
}
