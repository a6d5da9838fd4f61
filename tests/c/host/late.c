/* late.c: a shared library whose destructor runs after that of the library under test, because it is loaded later and
 * neither needs the other. */
void (*at_the_very_end)(void);

__attribute__((destructor)) static void at_the_end(void)
{
    if (at_the_very_end)
        at_the_very_end();
}
