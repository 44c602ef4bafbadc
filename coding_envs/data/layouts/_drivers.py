"""Asserts of MultiPL-E's tests, as two programs: one that calls, one that knows what is expected.

The **driver** stands after the policy's function, calls it, and prints what came back. The
**checker** holds the expected values, runs in a jail of its own, and compares. So the program
never sees what is expected of it: it can print what it likes, end itself, or change what the
driver calls, and gains nothing by it.

A driver's line is `=> NUMBER VALUE`, on the descriptor that standard output was at the start; what
the program prints meanwhile goes to standard error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["DRIVERS", "Driver"]


@dataclass(frozen=True)
class Driver:
    """How the tests of one language are taken apart.

    Attributes:
      language: the registry's name for it.
      opening: what an assert begins with, up to its bracket.
      calls: how it calls the function, up to the bracket.
      between: what stands between the call and the expected value.
      closing: what the tests begin with to close the function.
      prelude: stands before the program.
      driver: (name, arguments of each call) -> what stands after the program.
      checker: (header, expected values) -> the checker's source.
    """

    language: str
    opening: str
    calls: str
    between: str
    closing: str
    prelude: str
    driver: Callable[[str, list[str]], str]
    checker: Callable[[str, list[str]], str]

    def cases(self, tests: str) -> list[tuple[str, str]]:
        """Returns arguments and expected value of each assert, as source.

        Raises:
          ValueError: an assert is of another form.
        """
        found, at = [], tests.find(self.opening)
        while at >= 0:
            start = at + len(self.opening)
            end = _closed(tests, start)
            inner = tests[start:end].strip()
            if not inner.startswith(self.calls):
                raise ValueError(f"an assert does not begin with {self.calls!r}: {inner[:60]!r}")
            stop = _closed(inner, len(self.calls))
            arguments, rest = inner[len(self.calls) : stop], inner[stop + 1 :].lstrip()
            if not rest.startswith(self.between):
                raise ValueError(f"{self.between!r} is missing after a call: {inner[:60]!r}")
            found.append((arguments, rest[len(self.between) :].strip()))
            at = tests.find(self.opening, end)
        if not found:
            raise ValueError(f"there is no {self.opening!r}")
        return found


def _closed(text: str, start: int) -> int:
    """Returns where the bracket that was opened just before `start` closes."""
    depth, quote, at = 1, "", start
    while at < len(text):
        char = text[at]
        if quote:
            if char == "\\":
                at += 1
            elif char == quote:
                quote = ""
        elif char in "\"'":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
            if depth == 0:
                return at
        at += 1
    raise ValueError(f"a bracket is not closed: {text[start : start + 60]!r}")


# --- C++ -----------------------------------------------------------------------------------------

# Numbers print as what they are equal to, whatever their type: 1, 1.0 and true.
_CPP_SHOW = r"""
#include <bits/stdc++.h>
#include <unistd.h>
namespace coding_envs_ {
template <class T, class = void> struct is_range : std::false_type {};
template <class T> struct is_range<T, std::void_t<
    typename T::value_type, decltype(std::begin(std::declval<const T&>()))>> : std::true_type {};
template <class T> struct is_optional : std::false_type {};
template <class T> struct is_optional<std::optional<T>> : std::true_type {};
template <class T> std::string show(const T& value);
template <class T, std::size_t... N>
std::string show_parts(const T& value, std::index_sequence<N...>) {
  std::string text = "(";
  ((text += show(std::get<N>(value)) + ","), ...);
  return text + ")";
}
template <class T> std::string show(const T& value) {
  char buffer[64];
  if constexpr (std::is_same_v<T, std::nullopt_t>) {
    return "null";
  } else if constexpr (std::is_floating_point_v<T>) {
    double number = value;
    if (number == std::floor(number) && std::fabs(number) < 9e18)
      return std::to_string((long long)number);
    std::snprintf(buffer, sizeof buffer, "%.17g", number);
    return buffer;
  } else if constexpr (std::is_same_v<T, bool>) {
    return value ? "1" : "0";
  } else if constexpr (std::is_integral_v<T>) {
    return std::to_string(value);
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    std::string text = "\"";
    for (unsigned char c : std::string_view(value)) {
      std::snprintf(buffer, sizeof buffer, "%02x", c);
      text += buffer;
    }
    return text + "\"";
  } else if constexpr (is_optional<T>::value) {
    return value ? show(*value) : "null";
  } else if constexpr (is_range<T>::value) {
    std::string text = "[";
    for (auto&& item : value) {
      if constexpr (std::is_same_v<typename T::value_type, bool>) text += item ? "1," : "0,";
      else text += show(item) + ",";
    }
    return text + "]";
  } else {
    return show_parts(value, std::make_index_sequence<std::tuple_size_v<T>>());
  }
}
}
"""
_CPP_DRIVER = """
#undef main
int main() {{
  int out = dup(1);
  dup2(2, 1);
  auto candidate = {name};
  std::string text;
{calls}
  return 0;
}}
"""
_CPP_CALL = """  text = "=> {number} " + coding_envs_::show(candidate({arguments})) + "\\n";
  if (write(out, text.data(), text.size()) < 0) return 1;"""
_CPP_CHECKER = """
int main(int, char** argv) {{
  std::vector<std::string> wanted;
{values}
  std::map<std::string, std::string> said;
  std::ifstream file(argv[3]);
  for (std::string line, arrow, number; std::getline(file, line);) {{
    std::istringstream words(line);
    if (words >> arrow >> number && arrow == "=>")
      said[number] = line.substr(std::min(line.size(), arrow.size() + number.size() + 2));
  }}
  double right = 0;
  for (std::size_t i = 0; i < wanted.size(); i++) right += said[std::to_string(i)] == wanted[i];
  std::cout << (right == wanted.size() ? 1 : std::min(0.999, right / wanted.size())) << std::endl;
}}
"""


def _cpp_driver(name: str, arguments: list[str]) -> str:
    calls = (_CPP_CALL.format(number=i, arguments=a) for i, a in enumerate(arguments))
    return _CPP_SHOW + _CPP_DRIVER.format(name=name, calls="\n".join(calls))


def _cpp_checker(header: str, expected: list[str]) -> str:
    values = (f"  wanted.push_back(coding_envs_::show({value}));" for value in expected)
    return header + _CPP_SHOW + _CPP_CHECKER.format(values="\n".join(values))


# --- JavaScript ----------------------------------------------------------------------------------

_JS_PRELUDE = """process.stdout.write = process.stderr.write.bind(process.stderr);
"""
_JS_DRIVER = """
;(() => {{
  const fs = require('node:fs');
  const show = (value, depth = 0) => {{
    if (depth > 100) return ['opaque', 'deep'];
    const each = values => Array.from(values, v => show(v, depth + 1));
    if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
    if (typeof value === 'number')
      return Number.isFinite(value) && !Object.is(value, -0) ? value : ['number', String(value)];
    if (value === undefined) return ['undefined'];
    if (typeof value === 'bigint') return ['bigint', String(value)];
    if (Array.isArray(value)) return ['array', each(value)];
    if (value instanceof Map) return ['map', each([...value])];
    if (value instanceof Set) return ['set', each(value)];
    if (typeof value !== 'object') return ['opaque', typeof value];
    return ['object', Object.keys(value).map(key => [key, show(value[key], depth + 1)])];
  }};
  const candidate = {name};
{calls}
}})();
"""
_JS_CALL = (
    "  fs.writeSync(1, '=> {number} ' + JSON.stringify(show(candidate({arguments}))) + '\\n');"
)
_JS_CHECKER = """
const assert = require('node:assert');
const read = value => {{
  if (!Array.isArray(value)) return value;
  const [kind, body] = value;
  switch (kind) {{
    case 'number': return body === '-0' ? -0 : Number(body);
    case 'undefined': return undefined;
    case 'bigint': return BigInt(body);
    case 'array': return body.map(read);
    case 'map': return new Map(body.map(read));
    case 'set': return new Set(body.map(read));
    case 'object': return Object.fromEntries(body.map(([key, part]) => [key, read(part)]));
    default: throw new Error('no value');
  }}
}};
const said = {{}};
for (const line of require('node:fs').readFileSync(process.argv[4], 'utf8').split('\\n')) {{
  const found = /^=> (\\d+) (.*)$/.exec(line);
  if (found) said[found[1]] = found[2];
}}
const wanted = [
{values}
];
let right = 0;
wanted.forEach((expected, number) => {{
  try {{
    assert.deepEqual(read(JSON.parse(said[number])), expected());
    right++;
  }} catch (error) {{}}
}});
console.log(right === wanted.length ? 1 : Math.min(0.999, right / wanted.length));
"""


def _js_driver(name: str, arguments: list[str]) -> str:
    calls = (_JS_CALL.format(number=i, arguments=a) for i, a in enumerate(arguments))
    return _JS_DRIVER.format(name=name, calls="\n".join(calls))


def _js_checker(_header: str, expected: list[str]) -> str:
    return _JS_CHECKER.format(values="\n".join(f"  () => ({value})," for value in expected))


# --- Perl ----------------------------------------------------------------------------------------

# Test::Deep's eq_deeply: scalars by their text, arrays in order, hashes by their keys.
_PERL_SHOW = r"""
sub coding_envs_show {
  my ($value, $depth) = @_;
  return "deep" if $depth > 100;
  return "undef" unless defined $value;
  my $kind = ref $value;
  return '"' . unpack("H*", "$value") . '"' if $kind eq "";
  if ($kind eq "ARRAY") {
    return "[" . join(",", map { coding_envs_show($_, $depth + 1) } @$value) . "]";
  }
  if ($kind eq "HASH") {
    my @keys = sort keys %$value;
    my @parts = map { unpack("H*", $_) . ":" . coding_envs_show($value->{$_}, $depth + 1) } @keys;
    return "{" . join(",", @parts) . "}";
  }
  return "opaque";
}
"""
_PERL_PRELUDE = """BEGIN {
  open(our $coding_envs_out, ">&", \\*STDOUT);
  open(STDOUT, ">&", \\*STDERR);
}
"""
_PERL_DRIVER = """
package main;
{{
  my $candidate = \\&{name};
{calls}
  close($main::coding_envs_out);
}}
{show}
"""
_PERL_CALL = (
    '  print {{$main::coding_envs_out}} "=> {number} ",'
    ' coding_envs_show(scalar($candidate->({arguments})), 0), "\\n";'
)
_PERL_CHECKER = """
my @wanted = (
{values}
);
open(my $file, "<", $ARGV[2]) or die "no output";
my %said;
while (my $line = <$file>) {{
  $said{{$1}} = $2 if $line =~ /^=> (\\d+) (.*)$/;
}}
my $right = grep {{ defined $said{{$_}} && $said{{$_}} eq $wanted[$_] }} 0 .. $#wanted;
my $part = $right / @wanted;
print $right == @wanted ? 1 : $part > 0.999 ? 0.999 : $part, "\\n";
{show}
"""


def _perl_driver(name: str, arguments: list[str]) -> str:
    calls = (_PERL_CALL.format(number=i, arguments=a) for i, a in enumerate(arguments))
    return _PERL_DRIVER.format(name=name, calls="\n".join(calls), show=_PERL_SHOW)


def _perl_checker(_header: str, expected: list[str]) -> str:
    values = "\n".join(f"  coding_envs_show({value}, 0)," for value in expected)
    return _PERL_CHECKER.format(values=values, show=_PERL_SHOW)


DRIVERS = {
    "cpp": Driver(
        "cpp",
        *("assert(", "candidate(", "==", "}"),
        # A program may bring a main of its own.
        "#define main coding_envs_not_main_\n",
        _cpp_driver,
        _cpp_checker,
    ),
    "js": Driver(
        "javascript",
        *("assert.deepEqual(", "candidate(", ",", ""),
        _JS_PRELUDE,
        _js_driver,
        _js_checker,
    ),
    "pl": Driver(
        "perl",
        *("eq_deeply(", "$candidate->(", ",", ""),
        _PERL_PRELUDE,
        _perl_driver,
        _perl_checker,
    ),
}
"""By the dataset's name of the language."""
