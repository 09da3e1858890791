//! Java's methods, as far as templates use them.

use crate::check;

#[test]
fn strings() {
    check(&[
        ("#set($s = 'foobar123')$s.length() $s.isEmpty() $s.empty", "9 false false"),
        ("#set($s = 'a')$s.equals('a') $s.equals('b') $s.equals(1) $s.equalsIgnoreCase('A')", "true false false true"),
        ("#set($s = 'something')$s.contains('met') $s.startsWith('some') $s.endsWith('x')", "true true false"),
        ("#set($s = 'something')$s.indexOf('e') $s.indexOf('x') $s.lastIndexOf('m') $s.indexOf('m', 3)", "3 -1 2 -1"),
        ("#set($s = 'something')$s.substring(3, 6) $s.substring(4) $s.charAt(0)", "eth thing s"),
        (
            "#set($s = 'a.b.c')$s.replace('.', '-') $s.replaceAll('.', '-') $s.replaceFirst('[a-c]', 'X')",
            "a-b-c ----- X.b.c",
        ),
        (r#"#set($s = "it\'s")$s.replaceAll("\\'", "'")"#, "it's"),
        (r"#set($s = 'foobar123bab')$s.replaceAll('ba.', 'foo')", "foofoo123foo"),
        (r"#set($s = 'john smith')$s.replaceAll('(\w+) (\w+)', '$2 $1')", "smith john"),
        (r"#set($s = 'x')$s.replaceAll('x', '\$0')", "$0"),
        (r"#set($s = 'ab')$s.replaceAll('(?<first>a)', '<${first}>')", "<a>b"),
        (r"#set($s = 'ab')$s.replaceAll('(a)', '$12')", "a2b"),
        ("#set($s = 'a,b,,c,,')$s.split(',') $s.split(',').size() $s.split(',', 2)", "[a, b, , c] 4 [a, b,,c,,]"),
        ("#set($s = 'abc')$s.split('') $s.split('x')[0]", "[a, b, c] abc"),
        ("#set($s = ' a ')[$s.trim()]", "[a]"),
        ("#set($s = 'aB')$s.toLowerCase() $s.toUpperCase() $s.toString()", "ab AB aB"),
        ("#set($s = '123')$s.matches('[0-9]*') $s.matches('[0-9]')", "true false"),
        ("#set($s = '2020-01-31')$s.matches('^\\d{4}-\\d{2}-\\d{2}$')", "true"),
        ("#set($s = 'a')$s.concat('b').concat('c') $s.hashCode()", "abc 97"),
        ("#set($s = 'hello')$s.hashCode() $s.compareTo('hallo')", "99162322 4"),
        ("#set($s = '🦀x')$s.length() $s.indexOf('x') $s.substring(2)", "3 2 x"),
        ("#set($s = 'a')$s.noSuchMethod() $s.contains(1)|", " |"),
        ("#set($s = 'a')$s[0]|$s.bytes|", "||"),
    ]);
}

#[test]
fn lists() {
    check(&[
        ("#set($l = [1,2,3])$l.size() $l.isEmpty() $l.empty $l.get(1) $l[2] $l[-1]", "3 false false 2 3 3"),
        ("#set($l = [1,2,3])$l.contains(1) $l.contains(10) $l.indexOf(3)", "true false 2"),
        ("#set($l = [1])#set($ignore = $l.add('x'))$l $l.add(2)", "[1, x] true"),
        ("#set($l = [1])$l.add(0, 'x')$l", "[x, 1]"),
        ("#set($l = [1])#set($x = $l.addAll([2, 3]))$l", "[1, 2, 3]"),
        ("#set($l = ['a', 'b', 'c'])$l.remove(0) $l.remove('c') $l.remove('x') $l", "a true false [b]"),
        ("#set($l = ['one', 'two'])$l.set(1, 'foo')$l", "two[one, foo]"),
        ("#set($l = [1,2,3,4])$l.subList(1, 3)$l.clear()$l", "[2, 3][]"),
        ("#set($l = [1])#set($k = $l)#set($x = $k.add(2))$l", "[1, 2]"), // shared, as in Java
        ("#set($l = [['a', 'b'], ['c']])$l[0][1]$l.get(1).get(0)", "bc"),
    ]);
}

#[test]
fn maps() {
    check(&[
        ("#set($m = {'k': 'old'})#set($was = $m.put('k', 'new'))$was - $m.k", "old - new"),
        ("#set($m = {})$m.put('a', 1)|$m.get('a') $m['a'] $m.a $m.get('b')|", "|1 1 1 |"),
        ("#set($m = {'a': 1})$m.containsKey('a') $m.containsKey('b') $m.containsValue(1)", "true false true"),
        ("#set($m = {'a': 1})$m.size() $m.isEmpty() $m.remove('a') $m.remove('a')|$m", "1 false 1 |{}"),
        ("#set($m = {'k1': 'v1'})#set($x = $m.putAll({'k1': 'v3', 'k2': 'v2'}))$x$m", "{k1=v3, k2=v2}"),
        ("#set($m = {'a': 1})$m.keySet() $m.values() $m.entrySet()", "[a] [1] [a=1]"),
        ("#set($m = {'b': 1, 'a': 2})#foreach($k in $m.keySet())$k#end", "ba"),
        ("#set($m = {'a': 1})$m.getOrDefault('x', 'none') $m.toString()", "none {a=1}"),
        ("#set($m = {})#set($x = $m.put('k', null))#if(\"$m.k\" == '')none#end", "none"),
        ("#set($m = {'size': 7, 'empty': 8})$m.size $m.size() $m.empty", "7 2 8"),
        ("#set($m = {'foo:bar': 'baz'})$m['foo:bar']", "baz"),
    ]);
}

#[test]
fn numbers() {
    check(&[
        ("#set($n = 5)$n.toString().length() $n.equals(5) $n.intValue() $n.doubleValue()", "1 true 5 5.0"),
        ("#set($n = 7.9)$n.intValue() $n.longValue() $n.compareTo(8)", "7 7 -1"),
        ("#set($Integer = 0)#set($n = $Integer.parseInt('42') + 1)$n", "43"),
        ("#set($Double = 0.0)$Double.parseDouble('1.5') $Double.valueOf('2')", "1.5 2.0"),
        ("#set($b = true)$b.toString() $b.equals(true)", "true true"),
    ]);
}
