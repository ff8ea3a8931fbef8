//! Texts that are deep, long or strange.

use super::programs::{Ends, Hostile, LONGEST, fill, hostile};

/// All of these.
pub fn all() -> Vec<Hostile> {
    let all = [deep(), long(), strange_texts()];
    all.into_iter().flatten().collect()
}

/// As deep as a text of a megabyte can nest.
fn deep() -> Vec<Hostile> {
    use Ends::{Completed, Invalid, Limited};
    let nested = [
        ("(", "rx(", "", Limited),
        ("[", "x q[", "", Invalid),
        ("{", "", "", Limited),
        ("-", "rx(", "1) q;", Limited),
        ("!", "if (", "true) x q;", Limited),
        ("~", "int i = ", "1;", Limited),
        ("sin(", "rx(", "", Limited),
        ("int(", "rx(", "", Limited),
        ("q[", "x ", "", Limited),
        ("1+", "rx(", "1) q;", Limited),
        ("2**", "rx(", "1) q;", Limited),
        ("if(true)", "", "x q;", Limited),
        ("if(true){}else ", "", "x q;", Limited),
        ("while(true)", "", "x q;", Limited),
        ("for int i in[0:1]", "", "x q;", Limited),
        ("switch(1){case 1{", "", "", Limited),
        ("box{", "", "", Limited),
        ("ctrl@", "", "x q;", Limited),
        ("negctrl(2)@", "", "x q;", Limited),
        ("inv@", "", "x q;", Completed),
        ("pow(1)@", "", "x q;", Completed),
        ("pow(2)@", "", "x q;", Completed),
        ("def f(){", "", "", Invalid),
        ("gate g a{", "", "", Limited),
        ("let a=", "", "q;", Invalid),
        ("{", "array[int, 2] a = ", "", Invalid),
        ("array[", "", "", Invalid),
    ];
    let mut found: Vec<Hostile> = nested
        .into_iter()
        .map(|(unit, before, after, ends)| {
            let text = format!("OPENQASM 3; qubit q; {before}{}{after}", fill(unit, 100));
            hostile(&format!("deep {before}{unit}"), ends, text)
        })
        .collect();
    let closed = |open: &str, close: &str| {
        let number = (LONGEST - 100) / (open.len() + close.len());
        format!("{}1{}", open.repeat(number), close.repeat(number))
    };
    found.extend([
        hostile(
            "closed parentheses",
            Ends::Limited,
            format!("OPENQASM 3; qubit q; rx{} q;", closed("(", ")")),
        ),
        hostile(
            "closed blocks",
            Ends::Limited,
            format!("qubit q; {}", closed("if(true){", "}")),
        ),
    ]);
    found
}

/// One token or line of a megabyte.
fn long() -> Vec<Hostile> {
    let of = |unit: &str| fill(unit, 100);
    vec![
        hostile("long name", Ends::Completed, format!("qubit {};", of("q"))),
        hostile("long unknown name", Ends::Invalid, of("x")),
        hostile(
            "long integer",
            Ends::Invalid,
            format!("qubit[{}] q;", of("9")),
        ),
        hostile(
            "long fraction",
            Ends::Completed,
            format!("qubit q; rx(0.{}) q;", of("9")),
        ),
        hostile(
            "long exponent",
            Ends::Invalid,
            format!("qubit q; rx(1e{}) q;", of("9")),
        ),
        hostile(
            "long binary",
            Ends::Invalid,
            format!("int i = 0b{};", of("1")),
        ),
        hostile(
            "long string",
            Ends::Invalid,
            format!("include \"{}\";", of("x")),
        ),
        hostile(
            "long open string",
            Ends::Invalid,
            format!("bit[9] c = \"{}", of("01")),
        ),
        hostile(
            "long bits",
            Ends::Limited,
            format!("bit[65536] c = \"{}\";", of("01")),
        ),
        hostile(
            "long comment",
            Ends::Completed,
            format!("/*{}*/ qubit q; x q;", of("*")),
        ),
        hostile(
            "open comment",
            Ends::Invalid,
            format!("qubit q; /*{}", of("*")),
        ),
        hostile(
            "long line comment",
            Ends::Completed,
            format!("qubit q; //{}", of("x")),
        ),
        hostile(
            "long annotation",
            Ends::Completed,
            format!("@a {}\nqubit q;", of("x")),
        ),
        hostile(
            "long pragma",
            Ends::Completed,
            format!("pragma {}\nqubit q;", of("x")),
        ),
        hostile("many strings", Ends::Invalid, of("\"\"")),
        hostile(
            "long line, wrong at its end",
            Ends::Invalid,
            format!("qubit q;{}foo q;", of("x q;")),
        ),
        hostile("blanks", Ends::Completed, format!("qubit q;{}", of(" "))),
        hostile(
            "lines",
            Ends::Invalid,
            format!("qubit q;{}foo q;", of("\n")),
        ),
        hostile("mistakes", Ends::Invalid, of("foo;")),
        hostile("wrong characters", Ends::Invalid, of("?")),
    ]
}

/// Texts that are hardly texts.
fn strange_texts() -> Vec<Hostile> {
    let invalid = |name: &str, text: String| hostile(name, Ends::Invalid, text);
    vec![
        invalid("smileys", fill("\u{1F600}", 100)),
        invalid("combining marks", fill("e\u{301}", 100)),
        invalid(
            "text from right to left",
            format!("qubit q; \u{202e}{}", fill("\u{5d0}", 100)),
        ),
        hostile(
            "mark of byte order",
            Ends::Completed,
            "\u{feff}OPENQASM 3; qubit q; x q;",
        ),
        invalid(
            "mark of byte order inside",
            "OPENQASM 3; \u{feff}qubit q; x q;".to_owned(),
        ),
        hostile(
            "Windows lines",
            Ends::Completed,
            "OPENQASM 3;\r\nqubit q;\r\nx q;\r\n",
        ),
        hostile(
            "old Macintosh lines",
            Ends::Completed,
            "OPENQASM 3;\rqubit q;\rx q;\r",
        ),
        invalid(
            "control characters",
            "qubit q;\u{1}\u{7f}\u{1b}[31m x q;".to_owned(),
        ),
        invalid("escapes", "include \"\\x00\\u0000\\\"; qubit q;".to_owned()),
        invalid(
            "lines of other alphabets",
            "qubit q;\u{2028}\u{85}foo q;".to_owned(),
        ),
        hostile(
            "letters of other alphabets",
            Ends::Completed,
            "qubit größe_π; rx(π) größe_π;",
        ),
        invalid("a web page", "<html>".repeat(9)),
    ]
}
