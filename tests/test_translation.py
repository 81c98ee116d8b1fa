"""The grammar of English and Spanish sentences, what it holds out, and its words as tokens."""

import itertools
import re
from random import Random

import pytest

import fastnets as fn
from fastnets.data import translation
from fastnets.data.translation import counting, inflection, lexicon, pairs, phrases, questions, sentences


class Asked(Random):
    """Draws what is asked for where that is to be had, and anything elsewhere."""

    def __init__(self, *wishes):
        super().__init__(0)
        self.wishes = wishes

    def choice(self, options):
        found = [option for option in options if self._names(option) & set(self.wishes)]
        return super().choice(found or options)

    def choices(self, options, weights=None, **keywords):
        found = [option for option in options if option in self.wishes]
        return super().choices(found) if found else super().choices(options, weights, **keywords)

    @staticmethod
    def _names(option):
        first = option[0] if isinstance(option, tuple) else option
        if isinstance(first, str):
            return {first}
        return {getattr(first, name, None) for name in ("english", "english_many", *VERB_FORMS)} - {None}


VERB_FORMS = ("base", "third", "past", "participle", "gerund")
SENTENCES = [  # by hand
    (questions.greeting, "Hello, how are you?", "Hola, ¿cómo estás?"),
    (questions.greeting, "Good morning, Pedro!", "¡Buenos días, Pedro!"),
    (questions.greeting, "Her name is Ana.", "Ella se llama Ana."),
    (sentences.doing, "I drink cold water.", "Bebo agua fría."),
    (sentences.doing, "The girl does not eat the apple.", "La niña no come la manzana."),
    (sentences.doing, "Did the boys read these books?", "¿Los niños leyeron estos libros?"),
    (sentences.doing, "She has written a good book.", "Ella ha escrito un buen libro."),
    (sentences.doing, "We are waiting for the doctor.", "Estamos esperando al médico."),
    (sentences.doing, "I see Maria.", "Veo a María."),
    (sentences.doing, "They are looking for their dog.", "Ellos están buscando a su perro."),
    (sentences.doing, "I have two sisters.", "Tengo dos hermanas."),
    (sentences.doing, "She never eats a lot of bread.", "Ella nunca come mucho pan."),
    (sentences.doing, "They will close the doors tomorrow.", "Ellos cerrarán las puertas mañana."),
    (sentences.doing, "He plays the guitar at night.", "Él toca la guitarra por la noche."),
    (sentences.doing, "You speak Spanish.", "Hablas español."),
    (sentences.moving, "We went to the park yesterday.", "Fuimos al parque ayer."),
    (sentences.moving, "Are they going to the beach?", "¿Ellos van a la playa?"),
    (sentences.moving, "My friends will work in the library.", "Mis amigos trabajarán en la biblioteca."),
    (sentences.being, "The water is very cold.", "El agua está muy fría."),
    (sentences.being, "Our houses are white.", "Nuestras casas son blancas."),
    (sentences.being, "Was she tired?", "¿Ella estaba cansada?"),
    (sentences.being, "Ana will be happy.", "Ana estará contenta."),
    (sentences.working_as, "I am a teacher.", "Soy profesor."),
    (sentences.working_as, "She is a great doctor.", "Ella es una gran médica."),
    (sentences.liking, "I like apples.", "Me gustan las manzanas."),
    (sentences.liking, "He does not like coffee.", "A él no le gusta el café."),
    (sentences.liking, "The boy likes to dance.", "Al niño le gusta bailar."),
    (sentences.liking, "Ana and Isabel like these shoes.", "A Ana y a Isabel les gustan estos zapatos."),
    (sentences.wanting, "Can you open the window?", "¿Puedes abrir la ventana?"),
    (sentences.wanting, "We are going to visit our grandmother.", "Vamos a visitar a nuestra abuela."),
    (sentences.wanting, "Ana has to study French.", "Ana tiene que estudiar francés."),
    (questions.feeling, "I am very hungry.", "Tengo mucha hambre."),
    (questions.being_somewhere, "The cat is under the bed.", "El gato está debajo de la cama."),
    (questions.being_somewhere, "Is my key in the kitchen?", "¿Mi llave está en la cocina?"),
    (questions.living, "They do not live in London.", "Ellos no viven en Londres."),
    (questions.asking_where, "Where is my book?", "¿Dónde está mi libro?"),
    (questions.asking_what, "What did she buy?", "¿Qué compró ella?"),
    (questions.asking_what, "Who is eating the cake?", "¿Quién está comiendo el pastel?"),
    (questions.asking_how_many, "How much does the car cost?", "¿Cuánto cuesta el coche?"),
    (counting.counted, "There is an eagle in the garden.", "Hay un águila en el jardín."),
    (counting.ageing, "Pedro is twenty-one years old.", "Pedro tiene veintiún años."),
    (counting.time_of_day, "It is half past one.", "Es la una y media."),
]


@pytest.mark.parametrize("kind, english, spanish", SENTENCES, ids=[english for _, english, _ in SENTENCES])
def test_the_grammar_translates(kind, english, spanish):
    words = re.findall(r"[\w-]+", english)
    runs = {" ".join(words[i:j]) for i, j in itertools.combinations(range(len(words) + 1), 2)}
    wishes = {*runs, *map(str.lower, runs), "?" if english[-1] == "?" else "no" if "not" in words else "yes"}
    wishes |= {
        english,
        english.replace("Pedro", "{}"),
        english.replace("Ana", "{}"),
        "this" if "these" in words else "",
    }
    random = Asked(*wishes)
    found = next((made for made in (kind(random) for _ in range(5000)) if made.english == english), None)
    assert found, "the grammar never says it"
    assert found.spanish == spanish


NUMBERS = {  # by hand
    0: "cero",
    15: "quince",
    16: "dieciséis",
    20: "veinte",
    21: "veintiuno",
    22: "veintidós",
    30: "treinta",
    31: "treinta y uno",
    99: "noventa y nueve",
    100: "cien",
    101: "ciento uno",
    116: "ciento dieciséis",
    200: "doscientos",
    555: "quinientos cincuenta y cinco",
    700: "setecientos",
    900: "novecientos",
    1000: "mil",
    1001: "mil uno",
    2000: "dos mil",
    21_000: "veintiún mil",
    31_700: "treinta y un mil setecientos",
    100_000: "cien mil",
    101_100: "ciento un mil cien",
    342_501: "trescientos cuarenta y dos mil quinientos uno",
    999_999: "novecientos noventa y nueve mil novecientos noventa y nueve",
    1_000_000: "un millón",
}
BEFORE_NOUNS = {
    (1, "m"): "un",
    (1, "f"): "una",
    (21, "m"): "veintiún",
    (21, "f"): "veintiuna",
    (31, "m"): "treinta y un",
    (100, "f"): "cien",
    (101, "f"): "ciento una",
    (200, "f"): "doscientas",
    (221, "m"): "doscientos veintiún",
    (1000, "f"): "mil",
    (21_000, "f"): "veintiún mil",
    (200_500, "f"): "doscientas mil quinientas",
    (1_000_000, "m"): "un millón de",
}


def test_numbers_in_spanish():
    assert {n: translation.spanish_number(n) for n in NUMBERS} == NUMBERS
    assert {asked: translation.spanish_number(*asked) for asked in BEFORE_NOUNS} == BEFORE_NOUNS
    for n in (-1, 1_000_001):
        with pytest.raises(ValueError, match=f"{n} is out of range"):
            translation.spanish_number(n)


def test_numbers_in_english_read_back():
    values = {translation.english_number(n): n for n in [*range(100), 1_000_000]}
    tested = [*range(0, 2000, 7), 21_000, 100_001, 999_999, 342_017]
    for n in tested:
        for with_and in (False, True):
            total, part = 0, 0
            for word in translation.english_number(n, with_and).split():
                if word in ("hundred", "thousand"):
                    part *= {"hundred": 100, "thousand": 1000}[word]
                    total, part = (total + part, 0) if word == "thousand" else (total, part)
                elif word != "and":
                    part += values[word]
            assert total + part == n
    assert translation.english_number(305, with_and=True) == "three hundred and five"


FORMS = {  # yo, tú, él, nosotros, ellos
    ("comprar", "present"): "compro compras compra compramos compran",
    ("comprar", "preterite"): "compré compraste compró compramos compraron",
    ("vender", "preterite"): "vendí vendiste vendió vendimos vendieron",
    ("abrir", "present"): "abro abres abre abrimos abren",
    ("abrir", "future"): "abriré abrirás abrirá abriremos abrirán",
    ("cerrar", "present"): "cierro cierras cierra cerramos cierran",
    ("jugar", "present"): "juego juegas juega jugamos juegan",
    ("jugar", "preterite"): "jugué jugaste jugó jugamos jugaron",
    ("buscar", "preterite"): "busqué buscaste buscó buscamos buscaron",
    ("tocar", "preterite"): "toqué tocaste tocó tocamos tocaron",
    ("poder", "present"): "puedo puedes puede podemos pueden",
    ("querer", "present"): "quiero quieres quiere queremos quieren",
    ("tener", "future"): "tendré tendrás tendrá tendremos tendrán",
    ("ver", "future"): "veré verás verá veremos verán",
}


def test_conjugation():
    found = {asked: " ".join(inflection.conjugated(*asked).values()) for asked in FORMS}
    assert found == FORMS
    assert [inflection.gerund(v) for v in ("hablar", "leer", "dormir")] == ["hablando", "leyendo", "durmiendo"]
    assert [inflection.participle(v) for v in ("vivir", "ver", "abrir")] == ["vivido", "visto", "abierto"]


def test_plurals_and_agreement():
    many = {"lápiz": "lápices", "canción": "canciones", "jardín": "jardines", "reloj": "relojes", "café": "cafés"}
    assert {word: inflection.spanish_plural(word) for word in many} == many
    assert [inflection.english_plural(w) for w in ("box", "city", "boy", "church", "potato", "piano")] == (
        ["boxes", "cities", "boys", "churches", "potatoes", "pianos"]
    )
    adjectives = {adjective.english: adjective for adjective in lexicon.ADJECTIVES}
    forms = [adjectives["good"].agreeing(gender, plural, True) for gender in "mf" for plural in (False, True)]
    assert forms == ["buen", "buenos", "buena", "buenas"]
    assert (
        adjectives["great"].agreeing("f", False, True) == "gran"
        and adjectives["young"].agreeing("f", True) == "jóvenes"
    )


def test_the_a_before_people():
    women = phrases.Phrase("thirty-one women", "treinta y una mujeres", "3p", "f", takes_a=True)
    pair = phrases.Phrase("Pedro and Ana", "Pedro y Ana", "3p", "m", takes_a=True)
    chairs = phrases.Phrase("the chairs", "las sillas", "3p", "f")
    found = [phrase.as_object() for phrase in (women, pair, chairs)]
    assert found == ["a treinta y una mujeres", "a Pedro y a Ana", "las sillas"]


@pytest.fixture(scope="module")
def made():
    return fn.data.make_translations(4000), fn.data.make_translations(1000, held_out=True)


def test_every_sentence_keeps_the_rules_of_writing(made):
    for english, spanish in itertools.chain(*made):
        assert english[0].isupper() and spanish.lstrip("¿¡")[0].isupper()
        assert ("?" in english) == ("?" in spanish) and spanish.count("?") == spanish.count("¿")
        assert "  " not in english + spanish
        wrong = re.search(
            r"\b([ad]e? el|y i\w+|la (agua|águila|aula)|un[oa]? (agua|aula) \w+o|bueno \w+a)\b", spanish.lower()
        )
        assert not wrong, spanish
        assert not re.search(r"\ba [aeio]\w+", english.lower()), english
        gusta = re.search(r"gusta(n?) (\w+)", spanish)
        assert not gusta or bool(gusta[1]) == (gusta[2][-1] == "s"), spanish


def test_a_sentence_has_one_translation(made):
    known = {}
    for english, spanish in itertools.chain(*made):
        assert known.setdefault(english.lower().rstrip("."), spanish.rstrip(".")) == spanish.rstrip(".")


def test_held_out_combinations_are_never_learned():
    learned, others, share = set(), set(), 0
    random = Random(1)
    for _ in range(6000):
        kind = random.choices(list(pairs._KINDS), list(pairs._KINDS.values()))[0]
        sentence = kind(random)
        held_out = {each for each in sentence.combinations if translation.is_held_out(each)}
        share += bool(held_out)
        (others if held_out else learned).update(held_out or sentence.combinations)
    assert not learned & others and 0.05 < share / 6000 < 0.2
    assert {"table", "new"} <= {word for each in learned for word in each.split(" + ")}


def test_held_out_sentences_are_not_among_those_to_learn(made):
    learned, held_out = made
    assert len(set(learned)) == 4000 and len(set(held_out)) == 1000
    assert not {english.lower() for english, _ in learned} & {english.lower() for english, _ in held_out}
    assert fn.data.make_translations(50, seed=3) == fn.data.make_translations(50, seed=3)
    assert fn.data.make_translations(50, seed=3) != fn.data.make_translations(50, seed=4)
    with pytest.raises(ValueError, match="-1"):
        fn.data.make_translations(-1)


# ---- words as tokens -------------------------------------------------------------------------------------------------


def test_a_vocabulary_gives_back_what_it_read(made):
    for side in (0, 1):
        texts = [pair[side] for pair in made[0]]
        vocabulary = fn.data.Vocabulary.of(texts)
        assert [vocabulary.decode(vocabulary.encode(text)) for text in texts] == texts
        assert fn.data.Vocabulary(vocabulary.words[3:]).words == vocabulary.words


def test_a_batch_of_tokens_is_filled_up():
    vocabulary = fn.data.Vocabulary.of(["Ana sees Pedro.", "Hello!"])
    batch = vocabulary.encode_batch(["ANA SEES PEDRO.", "hello!"], begin=True)
    assert batch.shape == (2, 6) and batch[1].tolist()[-2:] == [vocabulary.PAD] * 2
    assert batch[:, 0].tolist() == [vocabulary.BEGIN] * 2 and batch[0, -1] == vocabulary.END
    assert [vocabulary.decode(row) for row in batch] == ["Ana sees Pedro.", "Hello!"]
    assert vocabulary.encode_batch([]).shape == (0, 0)


def test_unknown_words_are_named():
    vocabulary = fn.data.Vocabulary.of(["It's Ana."])
    assert vocabulary.unknown("It’s Bob, Bob and ana.") == ["Bob", ",", "and"]
    with pytest.raises(ValueError, match="'Bob', 'and', not"):
        vocabulary.encode("Bob and Ana")
    with pytest.raises(ValueError, match="'ana' more than once"):
        fn.data.Vocabulary(["Ana", "ana"])
