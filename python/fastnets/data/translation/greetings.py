"""What people say to each other every day, phrase by phrase."""

from __future__ import annotations

__all__ = ["PHRASES", "PHRASES_WITH_A_NAME"]


def _pairs(table: str) -> list[tuple[str, str]]:
    rows = (line.split("|") for line in table.strip().splitlines())
    return [(english.strip(), spanish.strip()) for english, spanish in rows]


PHRASES = _pairs("""
Hello!                            | ¡Hola!
Hello.                            | Hola.
Hello, how are you?               | Hola, ¿cómo estás?
How are you?                      | ¿Cómo estás?
How are you today?                | ¿Cómo estás hoy?
I am fine, thank you.             | Estoy bien, gracias.
I am very well, thank you.        | Estoy muy bien, gracias.
Very well, thank you. And you?    | Muy bien, gracias. ¿Y tú?
And you?                          | ¿Y tú?
Good morning!                     | ¡Buenos días!
Good morning, how are you?        | Buenos días, ¿cómo estás?
Good afternoon!                   | ¡Buenas tardes!
Good night!                       | ¡Buenas noches!
Goodbye!                          | ¡Adiós!
See you soon!                     | ¡Hasta pronto!
See you tomorrow!                 | ¡Hasta mañana!
See you later!                    | ¡Hasta luego!
Thank you!                        | ¡Gracias!
Thank you very much.              | Muchas gracias.
Thank you for your help.          | Gracias por tu ayuda.
You are welcome.                  | De nada.
Please.                           | Por favor.
Yes.                              | Sí.
No.                               | No.
Yes, please.                      | Sí, por favor.
No, thank you.                    | No, gracias.
I am sorry.                       | Lo siento.
Excuse me.                        | Perdón.
Of course!                        | ¡Claro que sí!
Nice to meet you.                 | Mucho gusto.
Welcome!                          | ¡Bienvenidos!
Happy birthday!                   | ¡Feliz cumpleaños!
Good luck!                        | ¡Buena suerte!
Congratulations!                  | ¡Felicidades!
What is your name?                | ¿Cómo te llamas?
What is his name?                 | ¿Cómo se llama él?
What is her name?                 | ¿Cómo se llama ella?
How old are you?                  | ¿Cuántos años tienes?
Where are you from?               | ¿De dónde eres?
Where do you live?                | ¿Dónde vives?
What time is it?                  | ¿Qué hora es?
What day is it today?             | ¿Qué día es hoy?
What is this?                     | ¿Qué es esto?
What are you doing?               | ¿Qué estás haciendo?
Who are you?                      | ¿Quién eres?
I do not know.                    | No lo sé.
I do not understand.              | No entiendo.
Do you understand?                | ¿Entiendes?
I love you.                       | Te quiero.
I miss you.                       | Te echo de menos.
I am lost.                        | Estoy perdido.
Help!                             | ¡Socorro!
It is raining.                    | Está lloviendo.
It is very hot today.             | Hace mucho calor hoy.
It is very cold today.            | Hace mucho frío hoy.
The check, please.                | La cuenta, por favor.
A table for two, please.          | Una mesa para dos, por favor.
How much is it?                   | ¿Cuánto es?
Can you help me?                  | ¿Puedes ayudarme?
Let us go!                        | ¡Vamos!
""")

PHRASES_WITH_A_NAME = _pairs("""
Hello, {}!                        | ¡Hola, {}!
Hello, {}, how are you?           | Hola, {}, ¿cómo estás?
How are you, {}?                  | ¿Cómo estás, {}?
Good morning, {}!                 | ¡Buenos días, {}!
Good afternoon, {}!               | ¡Buenas tardes, {}!
Good night, {}!                   | ¡Buenas noches, {}!
Goodbye, {}!                      | ¡Adiós, {}!
See you tomorrow, {}!             | ¡Hasta mañana, {}!
Thank you, {}!                    | ¡Gracias, {}!
My name is {}.                    | Me llamo {}.
His name is {}.                   | Él se llama {}.
Her name is {}.                   | Ella se llama {}.
Is your name {}?                  | ¿Te llamas {}?
I am {}.                          | Soy {}.
Are you {}?                       | ¿Eres {}?
Happy birthday, {}!               | ¡Feliz cumpleaños, {}!
Nice to meet you, {}.             | Mucho gusto, {}.
Please help me, {}.               | Ayúdame, por favor, {}.
Where are you, {}?                | ¿Dónde estás, {}?
""")
