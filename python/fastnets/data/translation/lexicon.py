"""The words: nouns, adjectives, verbs and names, with what Spanish needs to know of them and what goes with what."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from .inflection import agreeing, english_plural, spanish_plural

__all__ = ["ADJECTIVES", "CITIES", "COUNTRIES", "JOBS", "NAMES", "NOUNS", "VERBS", "Adjective", "Noun", "Verb", "nouns"]


@dataclass(frozen=True)
class Noun:
    """A noun; kinds say what it can be: what is eaten, worn, opened, …"""

    english: str
    english_many: str
    spanish: str
    gender: str
    kinds: frozenset[str]

    @property
    def counted(self) -> bool:
        """Whether it has a plural; water and Spanish have none."""
        return "mass" not in self.kinds and "language" not in self.kinds

    def in_spanish(self, plural: bool) -> str:
        return spanish_plural(self.spanish) if plural else self.spanish

    def in_english(self, plural: bool) -> str:
        return self.english_many if plural else self.english

    @property
    def takes_el(self) -> bool:
        """Whether it begins with a stressed a and is feminine, and so has "el" and "un" right before it: el agua."""
        return self.gender == "f" and self.spanish in ("agua", "águila", "aula")


@dataclass(frozen=True)
class Adjective:
    """An adjective: its masculine singular, the verb that it goes with, and the kinds of noun that it describes."""

    english: str
    spanish: str
    copula: str  # ser, for what one is, or estar, for how one is
    kinds: frozenset[str]
    in_front: bool = False

    def agreeing(self, gender: str, plural: bool, before_noun: bool = False) -> str:
        if before_noun and not plural:
            if self.spanish == "grande":
                return "gran"
            if gender == "m" and self.spanish in ("bueno", "malo"):
                return self.spanish[:-1]
        return agreeing(self.spanish, gender, plural)


@dataclass(frozen=True)
class Verb:
    """A verb: the English forms, the Spanish infinitive, and the kinds of noun that can be its object."""

    base: str
    third: str
    past: str
    participle: str
    gerund: str
    spanish: str
    kinds: frozenset[str]

    @property
    def stative(self) -> bool:
        """Whether it is said of a state, in the simple present and no other tense here."""
        return "state" in self.kinds


def _rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]


def _noun(english: str, spanish: str, kinds: str) -> Noun:
    one, _, many = english.partition("/")
    word, gender = spanish.split()
    return Noun(one, many or english_plural(one), word, gender, frozenset(kinds.split()))


def _adjective(english: str, spanish: str, kinds: str) -> Adjective:
    word, copula = spanish.split()
    return Adjective(english, word, copula, frozenset(kinds.split()), "front" in kinds.split())


def _verb(english: str, spanish: str, kinds: str) -> Verb:
    phrase, _, preposition = english.partition(" + ")
    base, third, past, participle, gerund = (
        f"{form} {preposition}" if preposition else form for form in phrase.split()
    )
    return Verb(base, third, past, participle, gerund, spanish, frozenset(kinds.split()))


NOUNS = [
    _noun(*row)
    for row in _rows("""
boy                | niño m        | person stranger counted
girl               | niña f        | person stranger counted
child/children     | niño m        | person stranger counted
man/men            | hombre m      | person stranger counted
woman/women        | mujer f       | person stranger counted
neighbor           | vecino m      | person counted
teacher            | profesor m    | person counted
doctor             | médico m      | person counted
student            | estudiante m  | person counted
nurse              | enfermera f   | person counted
waiter             | camarero m    | person counted
friend             | amigo m       | person relative
brother            | hermano m     | person relative
sister             | hermana f     | person relative
son                | hijo m        | person relative
daughter           | hija f        | person relative
uncle              | tío m         | person relative
aunt               | tía f         | person relative
father             | padre m       | person parent
mother             | madre f       | person parent
grandfather        | abuelo m      | person parent
grandmother        | abuela f      | person parent
dog                | perro m       | animal pet
cat                | gato m        | animal pet
horse              | caballo m     | animal pet
cow                | vaca f        | animal
bird               | pájaro m      | animal
eagle              | águila f      | animal
apple              | manzana f     | food sweet
orange             | naranja f     | food sweet
banana             | plátano m     | food sweet
tomato             | tomate m      | food cooked
potato             | patata f      | food cooked
egg                | huevo m       | food cooked
salad              | ensalada f    | food dish
cake               | pastel m      | food dish sweet
bread              | pan m         | food mass dish
cheese             | queso m       | food mass
rice               | arroz m       | food mass cooked
meat               | carne f       | food mass cooked
fish               | pescado m     | food mass cooked
chicken            | pollo m       | food mass cooked
soup               | sopa f        | food mass dish cooked hot
water              | agua f        | drink mass
milk               | leche f       | drink mass hot
coffee             | café m        | drink mass hot dish sweet
tea                | té m          | drink mass hot dish sweet
wine               | vino m        | drink mass sweet
juice              | zumo m        | drink mass sweet
book               | libro m       | readable written thing
letter             | carta f       | readable written
newspaper          | periódico m   | readable
magazine           | revista f     | readable
poem               | poema m       | readable written
table              | mesa f        | thing painted furniture
chair              | silla f       | thing painted furniture
bed                | cama f        | thing furniture
lamp               | lámpara f     | thing
clock              | reloj m       | thing
picture            | cuadro m      | thing
car                | coche m       | thing washable vehicle
bicycle            | bicicleta f   | thing washable vehicle
computer           | ordenador m   | thing
phone              | teléfono m    | thing small
key                | llave f       | thing small
pencil             | lápiz m       | thing small
ticket             | billete m     | small
bag                | bolsa f       | thing small opening container
box                | caja f        | thing small opening container
gift               | regalo m      | thing small
flower             | flor f        | thing small
hat                | sombrero m    | thing small clothes
coat               | abrigo m      | thing small clothes washable
shirt              | camisa f      | thing clothes washable
dress              | vestido m     | thing clothes washable
shoe               | zapato m      | thing clothes
plate              | plato m       | thing washable container
glass              | vaso m        | thing washable container
cup                | taza f        | thing washable container
door               | puerta f      | painted opening
window             | ventana f     | painted opening
guitar             | guitarra f    | thing instrument
piano              | piano m       | instrument
violin             | violín m      | thing instrument
song               | canción f     | song
house              | casa f        | place room painted building
kitchen            | cocina f      | place room
bathroom           | baño m        | place room
classroom          | aula f        | place room
garden             | jardín m      | place
school             | escuela f     | place building
hospital           | hospital m    | place building public
hotel              | hotel m       | place building
restaurant         | restaurante m | place building public
museum             | museo m       | place building public
library            | biblioteca f  | place building public
church             | iglesia f     | place building public
bank               | banco m       | place building public
store              | tienda f      | place building public
station            | estación f    | place building public at
airport            | aeropuerto m  | place building public at
market             | mercado m     | place public at
park               | parque m      | place public
beach/beaches      | playa f       | place public at
city               | ciudad f      | place public
Spanish            | español m     | language
English            | inglés m      | language
French             | francés m     | language
Italian            | italiano m    | language
German             | alemán m      | language
""")
]

ADJECTIVES = [
    _adjective(*row)
    for row in _rows("""
red         | rojo ser          | thing clothes vehicle opening plain
white       | blanco ser        | thing clothes vehicle opening animal building plain
black       | negro ser         | thing clothes vehicle opening animal plain
green       | verde ser         | thing clothes vehicle opening plain
blue        | azul ser          | thing clothes vehicle opening plain
yellow      | amarillo ser      | thing clothes vehicle opening building plain
new         | nuevo ser         | thing clothes vehicle readable place instrument song
old         | viejo ser         | thing clothes vehicle readable place instrument animal person
big         | grande ser        | thing vehicle place animal opening
small       | pequeño ser       | thing vehicle place animal opening
expensive   | caro ser          | thing clothes vehicle building instrument
cheap       | barato ser        | thing clothes vehicle
beautiful   | bonito ser        | thing clothes place song animal
modern      | moderno ser       | building furniture
long        | largo ser         | readable song
sweet       | dulce ser         | sweet
tall        | alto ser          | person
short       | bajo ser          | person
intelligent | inteligente ser   | person
young       | joven ser         | person
strong      | fuerte ser        | person
kind        | amable ser        | person
serious     | serio ser         | person
rich        | rico ser          | person
good        | bueno ser         | person readable song place pet front
bad         | malo ser          | person readable song front
great       | grande ser        | readable song place front only
tired       | cansado estar     | person pet
happy       | contento estar    | person pet
sad         | triste estar      | person pet
sick        | enfermo estar     | person pet
busy        | ocupado estar     | person
angry       | enfadado estar    | person
nervous     | nervioso estar    | person pet
ready       | listo estar       | person plain
open        | abierto estar     | opening building plain
closed      | cerrado estar     | opening building plain
clean       | limpio estar      | washable room container
dirty       | sucio estar       | washable room container
broken      | roto estar        | clothes container plain
empty       | vacío estar       | container
full        | lleno estar       | container
cold        | frío estar        | dish drink
hot         | caliente estar    | hot
""")
]

VERBS = [
    _verb(*row)
    for row in _rows("""
eat eats ate eaten eating                     | comer     | food
drink drinks drank drunk drinking             | beber     | drink
read reads read read reading                  | leer      | readable
write writes wrote written writing            | escribir  | written
buy buys bought bought buying                 | comprar   | thing clothes food drink readable small
sell sells sold sold selling                  | vender    | thing clothes food readable
see sees saw seen seeing                      | ver       | thing place animal person
have has had had having                       | tener     | thing animal readable relative state
want wants wanted wanted wanting              | querer    | thing food drink state
need needs needed needed needing              | necesitar | thing food drink state
find finds found found finding                | encontrar | small readable pet
look looks looked looked looking + for        | buscar    | small readable pet
lose loses lost lost losing                   | perder    | small
bring brings brought brought bringing         | traer     | small food
carry carries carried carried carrying        | llevar    | small readable
open opens opened opened opening              | abrir     | opening
close closes closed closed closing            | cerrar    | opening
wash washes washed washed washing             | lavar     | washable
clean cleans cleaned cleaned cleaning         | limpiar   | room furniture
paint paints painted painted painting         | pintar    | painted
cook cooks cooked cooked cooking              | cocinar   | cooked
prepare prepares prepared prepared preparing  | preparar  | dish
sing sings sang sung singing                  | cantar    | song
play plays played played playing              | tocar     | instrument
listen listens listened listened listening + to | escuchar | song person
study studies studied studied studying        | estudiar  | language
speak speaks spoke spoken speaking            | hablar    | language
visit visits visited visited visiting         | visitar   | person place
help helps helped helped helping              | ayudar    | person
call calls called called calling              | llamar    | person
wait waits waited waited waiting + for        | esperar   | person
know knows knew known knowing                 | conocer   | person place state
love loves loved loved loving                 | querer    | parent relative state
sleep sleeps slept slept sleeping             | dormir    | nothing
run runs ran run running                      | correr    | nothing
walk walks walked walked walking              | caminar   | nothing
work works worked worked working              | trabajar  | nothing
dance dances danced danced dancing            | bailar    | nothing
play plays played played playing              | jugar     | nothing
rest rests rested rested resting              | descansar | nothing
""")
]

NAMES = {
    "Ana": ("Ana", "f"),
    "Maria": ("María", "f"),
    "Elena": ("Elena", "f"),
    "Isabel": ("Isabel", "f"),
    "Carmen": ("Carmen", "f"),
    "Pedro": ("Pedro", "m"),
    "Juan": ("Juan", "m"),
    "Carlos": ("Carlos", "m"),
    "Luis": ("Luis", "m"),
    "Miguel": ("Miguel", "m"),
}
CITIES = {"Madrid": "Madrid", "Barcelona": "Barcelona", "Seville": "Sevilla", "London": "Londres", "Paris": "París"}
COUNTRIES = {"Spain": "España", "Mexico": "México", "Peru": "Perú", "France": "Francia", "Italy": "Italia"}


JOBS = {
    "teacher": {"m": "profesor", "f": "profesora"},
    "doctor": {"m": "médico", "f": "médica"},
    "nurse": {"m": "enfermero", "f": "enfermera"},
    "student": {"m": "estudiante", "f": "estudiante"},
    "writer": {"m": "escritor", "f": "escritora"},
    "engineer": {"m": "ingeniero", "f": "ingeniera"},
    "lawyer": {"m": "abogado", "f": "abogada"},
    "artist": {"m": "artista", "f": "artista"},
}


@cache
def nouns(*kinds: str) -> tuple[Noun, ...]:
    """The nouns of any of these kinds."""
    return tuple(noun for noun in NOUNS if noun.kinds & set(kinds))
